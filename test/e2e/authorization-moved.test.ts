import { expect } from "chai";

import { approveDevice } from "../../simulator/administrator.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { AuthorizationRig } from "./authorization-rig.js";

describe("e2e: WebexPresence.ApiUrl and the client change while somebody authorizes", function () {
  this.timeout(40_000);
  let rig: AuthorizationRig;
  let other: WebexSimulator;

  beforeEach(async () => {
    other = new WebexSimulator({ organizations: [{ name: "Other Ltd", persons: 3, seed: 3 }], speed: 0 });
    await other.start();
  });

  afterEach(async () => {
    try {
      expect(other.requestsSince(0).filter(({ bearer }) => bearer)).to.deep.equal([]);
    } finally {
      await rig.stop();
      await other.stop();
    }
  });

  const moveTo = async (authorize: string): Promise<void> => {
    other.registerClient({ ...rig.webex.client, redirectUris: [`http://localhost:${rig.port}/oauth/callback`] });
    await rig.worker.writeSettings(1, [
      `WebexPresence.Authorize=${authorize}`,
      `WebexPresence.RedirectPort=${rig.port}`,
      `WebexPresence.ApiUrl=${other.apiUrl}`,
    ]);
  };
  const list = async (): Promise<unknown> => rig.worker.host.request("authorization/list");
  const nobody = { authorizations: [] };
  const endSaying = (text: string): Promise<true> =>
    rig.worker.eventually(`an end that says ${text}`, () =>
      rig.changes.some(({ flow }) => flow?.state === "cancelled" && flow.message?.includes(text) === true) ? true : null,
    );

  it("a consent given at the old address is exchanged nowhere, and the page that opens leads to the new one", async () => {
    rig = await AuthorizationRig.start();
    const address = await rig.open();
    const back = await rig.wayBack(address);
    await moveTo("browser");
    await endSaying("WebexPresence.ApiUrl was changed");
    const next = await rig.pageAddress(address);
    const mark = rig.webex.mark();
    expect((await rig.ask(back.pathname + back.search)).status).to.equal(400);
    expect(new URL(await rig.departure(next)).origin).to.equal(new URL(other.apiUrl).origin);
    expect(rig.webex.requestsSince(mark)).to.deep.equal([]);
    expect(await list()).to.deep.equal(nobody);
  });

  it("a code shown for the old address is asked after no more, and an import that is on its way fails", async () => {
    rig = await AuthorizationRig.start({ authorize: "device", deviceIntervalSeconds: 1 });
    await rig.set(1);
    const { userCode, verificationUri } = await rig.flowWhere("a code", (flow) => flow.userCode !== null);
    await rig.webex.nextRequest({ path: "/v1/device/token" }, 5_000);
    const { orgId: _orgId, accessToken: _accessToken, ...grant } = rig.webex.issueGrant();
    rig.webex.set({ latencyMs: 3_000 });
    const imported = rig.worker.host.request("authorization/import", grant).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await moveTo("device");
    await endSaying("WebexPresence.ApiUrl was changed");
    rig.webex.set({ latencyMs: 0 });
    const refused = (await imported) as { code: number; message: string };
    expect(refused.code).to.equal(1301);
    expect(refused.message).to.include("WebexPresence.ApiUrl").and.to.include("Import it again");
    const mark = rig.webex.mark();
    await approveDevice(verificationUri ?? "", userCode ?? "");
    await rig.flowWhere("a code of the new address", (flow) => flow.verificationUri?.startsWith(other.url) === true);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(rig.webex.requestsSince(mark, { path: "/v1/device/token" })).to.deep.equal([]);
    expect(await list()).to.deep.equal(nobody);
  });

  it("a code shown for the old client is followed by one for the new client, whose grant it becomes", async () => {
    rig = await AuthorizationRig.start({ authorize: "device", deviceIntervalSeconds: 1 });
    const next = { clientId: "the-next-client", clientSecret: "the-secret-of-the-next-client" };
    rig.webex.registerClient({ ...next, redirectUris: [] });
    await rig.set(1);
    const { userCode } = await rig.flowWhere("a code", (flow) => flow.userCode !== null);
    await rig.worker.host.request("authorization/setClient", next);
    await endSaying("client id was changed");
    const flow = await rig.flowWhere("another code", (one) => one.userCode !== null && one.userCode !== userCode);
    await approveDevice(flow.verificationUri ?? "", flow.userCode ?? "");
    await rig.worker.phase("polling", 10_000);
    rig.webex.expireAccessTokens();
    await rig.worker.host.request("worker/poll");
    await rig.webex.nextRequest({ path: "/v1/access_token", status: 200 }, 10_000);
  });
});
