import { expect } from "chai";

import { approveDevice } from "../../simulator/administrator.js";
import { AuthorizationRig, type AuthorizationRigOptions, type Flow } from "./authorization-rig.js";

describe("e2e: authorization with a code, for a server without a browser", function () {
  this.timeout(40_000);
  let rig: AuthorizationRig;

  afterEach(async () => {
    await rig.stop();
  });

  const start = async (options: AuthorizationRigOptions = {}): Promise<void> => {
    rig = await AuthorizationRig.start({ authorize: "device", deviceIntervalSeconds: 1, ...options });
  };
  const code = (before: string | null = null): Promise<Flow> =>
    rig.flowWhere("a code", ({ state, userCode }) => state === "waiting" && userCode !== null && userCode !== before);
  const approve = (flow: Flow, decision: "accept" | "decline" = "accept"): Promise<unknown> =>
    approveDevice(flow.verificationUri ?? "", flow.userCode ?? "", { decision });
  const told = (state: string): boolean => rig.changes.some(({ flow }) => flow?.state === state);

  for (const devicePendingForm of ["428", "authorization_pending"] as const) {
    it(`gives code and address to the host and to the log, waits (${devicePendingForm}), and presence comes`, async () => {
      await start({ devicePendingForm });
      await rig.set(1);
      const flow = await code();
      expect(flow).to.include({ method: "device", url: null, verificationUri: `${rig.webex.url}/device` });
      expect(Date.parse(flow.expiresAt ?? "") - Date.now()).to.be.within(270_000, 300_000);
      await rig.logged(flow.userCode ?? "-", flow.verificationUri ?? "-");
      expect(rig.worker.host.transcript.text("stderr")).to.include(flow.userCode).and.to.include(flow.verificationUri);
      await rig.webex.nextRequest({ path: "/v1/device/token", status: devicePendingForm === "428" ? 428 : 400 }, 5_000);
      expect(await rig.listens()).to.equal(false);
      await approve(flow);
      await rig.worker.phase("polling");
      const person = rig.webex.people()[0]!.emails[0]!;
      rig.webex.setStatus(person, "presenting");
      await rig.presence(person, "presenting");
      expect(told("authorized")).to.equal(true);
      expect(rig.flow).to.equal(null);
    });
  }

  it("waits longer when Webex asks for it, by slow_down or 429, and gets through gateway errors", async () => {
    await start();
    const answer = (status: number, body: "webex" | "html" | Record<string, string>): void =>
      rig.webex.fail({ kind: "status", path: "/v1/device/token", status, body });
    answer(400, { error: "slow_down" });
    answer(502, "html");
    await rig.set(1);
    const flow = await code();
    await approve(flow);
    const asked = Date.now();
    await rig.worker.phase("polling", 25_000);
    expect(Date.now() - asked).to.be.greaterThan(5_000);
    expect(rig.webex.requestsSince(0, { path: "/v1/device/token" }).map(({ status }) => status)).to.deep.equal([400, 502, 200]);
    expect(told("failed")).to.equal(false);
  });

  it("takes 429 for a wish to wait, not for a refusal", async () => {
    await start();
    rig.webex.fail({ kind: "status", path: "/v1/device/token", status: 429, body: "webex" });
    await rig.set(1);
    const flow = await code();
    await approve(flow);
    await rig.worker.phase("polling", 20_000);
    expect(rig.webex.requestsSince(0, { path: "/v1/device/token" }).map(({ status }) => status)).to.deep.equal([429, 200]);
    expect(rig.changes.filter(({ flow: one }) => one?.userCode !== undefined && one.userCode !== flow.userCode)).to.deep.equal(
      [],
    );
  });

  it("begins again with a new code when one has expired", async () => {
    await start({ deviceSeconds: 2 });
    await rig.set(1);
    const first = await code();
    rig.webex.set({ deviceSeconds: 300 });
    const second = await code(first.userCode);
    expect(told("expired")).to.equal(true);
    await approve(second);
    await rig.worker.phase("polling");
  });

  it("says that it was declined, and begins again", async () => {
    await start();
    await rig.set(1);
    const first = await code();
    await approve(first, "decline");
    const second = await code(first.userCode);
    expect(told("denied")).to.equal(true);
    const problem = await rig.problem("authorizationDenied");
    expect(problem.severity).to.equal("error");
    expect(problem.hint).to.include("Control Hub");
    await approve(second);
    await rig.worker.phase("polling");
    await rig.noProblem("authorizationDenied", 1_000);
  });

  it("stops asking Webex within 1 s of Enable=0, also while the code is still on its way", async () => {
    await start();
    await rig.set(1);
    const first = await code();
    await rig.set(0);
    await rig.worker.phase("disabled", 1_500);
    await rig.worker.eventually("no flow", () => (rig.flow === null ? true : null), 1_000);
    const mark = rig.webex.mark();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(rig.webex.requestsSince(mark)).to.deep.equal([]);
    rig.webex.set({ latencyMs: 3_000 });
    const asked = new Promise((resolve) => setTimeout(resolve, 1_200));
    await rig.set(1);
    await asked;
    await rig.set(0);
    await rig.worker.phase("disabled", 1_500);
    rig.webex.set({ latencyMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(rig.flow).to.equal(null);
    expect((await rig.worker.status()).problems.map(({ code: name }) => name)).to.not.include("webexUnreachable");
    await rig.set(1);
    await code(first.userCode);
  });

  it("is begun and called off by the host, also while disabled; one flow at a time", async () => {
    await start({ authorize: "off" });
    const begun = (await rig.worker.host.request("authorization/begin", { method: "device" })) as Record<string, unknown>;
    expect(begun).to.have.all.keys("method", "verificationUri", "verificationUriComplete", "userCode", "expiresAt");
    expect(await rig.worker.host.request("authorization/begin", { method: "device" })).to.deep.equal(begun);
    let refused: { code?: number; data?: unknown } = {};
    await rig.worker.host
      .request("authorization/begin", { method: "browser" })
      .catch((error: unknown) => (refused = error as typeof refused));
    expect(refused.code).to.equal(1102);
    expect(refused.data).to.deep.include({ method: "device" });
    expect(await rig.worker.host.request("authorization/cancel")).to.equal(null);
    await rig.worker.eventually("its end", () => (told("cancelled") && rig.flow === null ? true : null));
    const again = (await rig.worker.host.request("authorization/begin", { method: "device" })) as { userCode: string };
    await approveDevice(`${rig.webex.url}/device`, again.userCode);
    await rig.worker.eventually("the grant", () => (told("authorized") ? true : null));
    expect((await rig.worker.status()).phase).to.equal("disabled");
    expect(rig.webex.requestsSince(0, { path: "/v1/people" })).to.deep.equal([]);
  });
});
