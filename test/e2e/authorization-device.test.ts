import { expect } from "chai";

import { approveDevice } from "../../simulator/administrator.js";
import {
  AuthorizationHarness,
  type AuthorizationHarnessOptions,
  type Flow,
} from "../support/authorization-harness.js";

describe("e2e: authorization with a device code", function () {
  this.timeout(60_000);
  let harness: AuthorizationHarness;

  afterEach(async () => {
    await harness.stop();
  });

  const start = async (options: AuthorizationHarnessOptions = {}): Promise<void> => {
    harness = await AuthorizationHarness.start({
      authorize: "device",
      deviceIntervalSeconds: 1,
      ...options,
    });
  };
  const code = (before: string | null = null): Promise<Flow> =>
    harness.waitForFlow(
      "a code",
      ({ state, userCode }) => state === "waiting" && userCode !== null && userCode !== before,
    );
  const approve = (flow: Flow, decision: "accept" | "decline" = "accept"): Promise<unknown> =>
    approveDevice(flow.verificationUri ?? "", flow.userCode ?? "", { decision });
  const hasReported = (state: string): boolean =>
    harness.changes.some(({ flow }) => flow?.state === state);

  for (const devicePendingForm of ["428", "authorization_pending"] as const) {
    it(`reports the code to the host and the log, polls (${devicePendingForm}), and starts presence`, async () => {
      await start({ devicePendingForm });
      await harness.writeSettings(1);
      const flow = await code();
      expect(flow).to.include({
        method: "device",
        url: null,
        verificationUri: `${harness.webex.url}/device`,
      });
      expect(Date.parse(flow.expiresAt ?? "") - Date.now()).to.be.within(270_000, 300_000);
      await harness.waitForLog(flow.userCode ?? "-", flow.verificationUri ?? "-");
      expect(harness.worker.host.transcript.text("stderr"))
        .to.include(flow.userCode)
        .and.to.include(flow.verificationUri);
      await harness.webex.nextRequest(
        { path: "/v1/device/token", status: devicePendingForm === "428" ? 428 : 400 },
        5_000,
      );
      expect(await harness.isListening()).to.equal(false);
      const person = harness.webex.people()[0]!.emails[0]!;
      harness.webex.setStatus(person, "presenting");
      await approve(flow);
      await harness.worker.waitForPhase("polling");
      await harness.waitForPresence(person, "presenting");
      expect(hasReported("authorized")).to.equal(true);
      expect(harness.flow).to.equal(null);
    });
  }

  const refusals = [
    { what: "slow_down", responses: [{ status: 400, body: { error: "slow_down" } }] },
    {
      what: "a gateway error and 429",
      responses: [
        { status: 502, body: "html" },
        { status: 429, body: "webex" },
      ],
    },
  ] as const;
  for (const { what, responses } of refusals) {
    it(`waits 5 s longer after ${what}, and does not fail`, async () => {
      await start();
      for (const response of responses)
        harness.webex.fail({ kind: "status", path: "/v1/device/token", ...response });
      await harness.writeSettings(1);
      const flow = await code();
      await harness.webex.nextRequest({
        path: "/v1/device/token",
        status: responses.at(-1)!.status,
      });
      await approve(flow);
      const approvedAt = Date.now();
      await harness.worker.waitForPhase("polling", 20_000);
      expect(Date.now() - approvedAt).to.be.greaterThan(5_000);
      const statuses = harness.webex
        .requestsSince(0, { path: "/v1/device/token" })
        .map(({ status }) => status);
      expect(statuses).to.deep.equal([...responses.map(({ status }) => status), 200]);
      expect(hasReported("failed")).to.equal(false);
    });
  }

  it("starts again with a new code when one has expired", async () => {
    await start({ deviceSeconds: 2 });
    await harness.writeSettings(1);
    const first = await code();
    harness.webex.set({ deviceSeconds: 300 });
    const second = await code(first.userCode);
    expect(hasReported("expired")).to.equal(true);
    await approve(second);
    await harness.worker.waitForPhase("polling");
  });

  it("reports a declined request, and starts again", async () => {
    await start();
    await harness.writeSettings(1);
    const first = await code();
    await approve(first, "decline");
    const second = await code(first.userCode);
    expect(hasReported("denied")).to.equal(true);
    const problem = await harness.waitForProblem("authorizationDenied");
    expect(problem.severity).to.equal("error");
    expect(problem.hint).to.include("Control Hub");
    await approve(second);
    await harness.worker.waitForPhase("polling");
    await harness.waitForProblemEnd("authorizationDenied", 1_000);
  });

  it("stops polling within 1 s of Enable=0, even while it waits for a code", async () => {
    await start();
    await harness.writeSettings(1);
    const first = await code();
    await harness.writeSettings(0);
    await harness.worker.waitForPhase("disabled", 1_500);
    await harness.worker.waitFor("no flow", () => (harness.flow === null ? true : null), 1_000);
    const mark = harness.webex.mark();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(harness.webex.requestsSince(mark)).to.deep.equal([]);
    harness.webex.set({ latencyMs: 3_000 });
    const waited = new Promise((resolve) => setTimeout(resolve, 1_200));
    await harness.writeSettings(1);
    await waited;
    await harness.writeSettings(0);
    await harness.worker.waitForPhase("disabled", 1_500);
    const before = harness.changes.length;
    harness.webex.set({ latencyMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(harness.changes.slice(before)).to.deep.equal([]);
    expect((await harness.worker.status()).problems.map(({ code: name }) => name)).to.not.include(
      "webexUnreachable",
    );
    await harness.writeSettings(1);
    await code(first.userCode);
  });

  it("is started and cancelled by the host, even while disabled, one flow at a time", async () => {
    await start({ authorize: "off" });
    const begun = (await harness.worker.host.request("authorization/begin", {
      method: "device",
    })) as Record<string, unknown>;
    expect(begun).to.have.all.keys(
      "method",
      "verificationUri",
      "verificationUriComplete",
      "userCode",
      "expiresAt",
    );
    expect(
      await harness.worker.host.request("authorization/begin", { method: "device" }),
    ).to.deep.equal(begun);
    let refused: { code?: number; data?: unknown } = {};
    await harness.worker.host
      .request("authorization/begin", { method: "browser" })
      .catch((error: unknown) => (refused = error as typeof refused));
    expect(refused.code).to.equal(1102);
    expect(refused.data).to.deep.include({ method: "device" });
    expect(await harness.worker.host.request("authorization/cancel")).to.equal(null);
    await harness.worker.waitFor("its end", () =>
      hasReported("cancelled") && harness.flow === null ? true : null,
    );
    const flow = (await harness.worker.host.request("authorization/begin", {
      method: "device",
    })) as { userCode: string };
    await approveDevice(`${harness.webex.url}/device`, flow.userCode);
    await harness.worker.waitFor("the grant", () => (hasReported("authorized") ? true : null));
    expect((await harness.worker.status()).phase).to.equal("disabled");
    expect(harness.webex.requestsSince(0, { path: "/v1/people" })).to.deep.equal([]);
  });
});
