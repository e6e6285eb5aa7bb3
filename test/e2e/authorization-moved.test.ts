import { expect } from "chai";

import { approveDevice } from "../../simulator/administrator.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { AuthorizationHarness } from "../support/authorization-harness.js";

describe("e2e: a change of WebexPresence.ApiUrl or the client during an authorization", function () {
  this.timeout(40_000);
  let harness: AuthorizationHarness;
  let other: WebexSimulator;

  beforeEach(async () => {
    other = new WebexSimulator({
      organizations: [{ name: "Other Ltd", persons: 3, seed: 3 }],
      speed: 0,
    });
    await other.start();
  });

  afterEach(async () => {
    try {
      expect(other.requestsSince(0).filter(({ bearer }) => bearer)).to.deep.equal([]);
    } finally {
      await harness.stop();
      await other.stop();
    }
  });

  const moveTo = async (authorize: string): Promise<void> => {
    other.registerClient({
      ...harness.webex.client,
      redirectUris: [`http://localhost:${harness.port}/oauth/callback`],
    });
    await harness.worker.writeSettings(1, [
      `WebexPresence.Authorize=${authorize}`,
      `WebexPresence.RedirectPort=${harness.port}`,
      `WebexPresence.ApiUrl=${other.apiUrl}`,
    ]);
  };
  const list = async (): Promise<unknown> => harness.worker.host.request("authorization/list");
  const noAuthorizations = { authorizations: [] };
  const waitForCancellation = (text: string): Promise<true> =>
    harness.worker.waitFor(`an end that says ${text}`, () =>
      harness.changes.some(
        ({ flow }) => flow?.state === "cancelled" && flow.message?.includes(text) === true,
      )
        ? true
        : null,
    );

  it("discards a consent from the old address, and opens a page for the new one", async () => {
    harness = await AuthorizationHarness.start();
    const address = await harness.open();
    const callback = await harness.callbackUrl(address);
    await moveTo("browser");
    await waitForCancellation("WebexPresence.ApiUrl was changed");
    const next = await harness.waitForPage(address);
    const mark = harness.webex.mark();
    expect((await harness.request(callback.pathname + callback.search)).status).to.equal(400);
    expect(new URL(await harness.authorizeUrl(next)).origin).to.equal(new URL(other.apiUrl).origin);
    expect(harness.webex.requestsSince(mark)).to.deep.equal([]);
    expect(await list()).to.deep.equal(noAuthorizations);
  });

  it("stops polling for a code of the old address, and fails a pending import", async () => {
    harness = await AuthorizationHarness.start({ authorize: "device", deviceIntervalSeconds: 1 });
    await harness.writeSettings(1);
    const { userCode, verificationUri } = await harness.waitForFlow(
      "a code",
      (flow) => flow.userCode !== null,
    );
    await harness.webex.nextRequest({ path: "/v1/device/token" }, 5_000);
    const { orgId: _orgId, accessToken: _accessToken, ...grant } = harness.webex.issueGrant();
    harness.webex.set({ latencyMs: 3_000 });
    const imported = harness.worker.host
      .request("authorization/import", grant)
      .catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await moveTo("device");
    await waitForCancellation("WebexPresence.ApiUrl was changed");
    harness.webex.set({ latencyMs: 0 });
    const refused = (await imported) as { code: number; message: string };
    expect(refused.code).to.equal(1301);
    expect(refused.message).to.include("WebexPresence.ApiUrl").and.to.include("Import it again");
    const mark = harness.webex.mark();
    await approveDevice(verificationUri ?? "", userCode ?? "");
    await harness.waitForFlow(
      "a code of the new address",
      (flow) => flow.verificationUri?.startsWith(other.url) === true,
    );
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(harness.webex.requestsSince(mark, { path: "/v1/device/token" })).to.deep.equal([]);
    expect(await list()).to.deep.equal(noAuthorizations);
  });

  it("replaces a code of the old client by one of the new client, which owns the grant", async () => {
    harness = await AuthorizationHarness.start({ authorize: "device", deviceIntervalSeconds: 1 });
    const next = { clientId: "the-next-client", clientSecret: "the-secret-of-the-next-client" };
    harness.webex.registerClient({ ...next, redirectUris: [] });
    await harness.writeSettings(1);
    const { userCode } = await harness.waitForFlow("a code", (flow) => flow.userCode !== null);
    await harness.worker.host.request("authorization/setClient", next);
    await waitForCancellation("client ID of the Webex integration was changed");
    const flow = await harness.waitForFlow(
      "another code",
      (one) => one.userCode !== null && one.userCode !== userCode,
    );
    await approveDevice(flow.verificationUri ?? "", flow.userCode ?? "");
    await harness.worker.waitForPhase("polling", 10_000);
    harness.webex.expireAccessTokens();
    const renewed = harness.webex.nextRequest({ path: "/v1/access_token", status: 200 }, 10_000);
    await harness.worker.host.request("worker/poll");
    await renewed;
  });
});
