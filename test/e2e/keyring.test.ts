import { userInfo } from "node:os";
import { expect } from "chai";

import { startKeyring, type Keyring } from "../support/keyring.js";
import { requireTool } from "../support/require-tool.js";
import { WorkerRig } from "../support/worker-rig.js";

describe("e2e: a real keyring under a real session bus", function () {
  this.timeout(60_000);
  let keyring: Keyring;
  let rig: WorkerRig | null = null;

  before(function () {
    requireTool(this, "gnome-keyring-daemon", "gnome-keyring");
    requireTool(this, "dbus-daemon", "dbus");
  });

  beforeEach(async () => {
    keyring = await startKeyring();
  });

  afterEach(async () => {
    await rig?.stop();
    rig = null;
    await keyring.stop();
  });

  const start = (): Promise<WorkerRig> => WorkerRig.start({ secretStore: "keychain", env: keyring.env });

  it("brings presence back after kill -9, from the keychain alone", async () => {
    rig = await start();
    const orgId = await rig.authorize();
    await rig.writeSettings(1);
    await rig.phase("polling");
    const died = rig.host.exited();
    rig.host.kill("SIGKILL");
    await died;
    const mark = rig.webex.mark();
    await rig.host.start();
    const status = await rig.phase("polling", 10_000);
    expect(status.organizations.map((o) => o.orgId)).to.deep.equal([orgId]);
    expect(status.problems).to.deep.equal([]);
    const person = rig.webex.people()[0]!;
    rig.webex.setStatus(person.emails[0]!, "call");
    await rig.eventually(
      "presence",
      async () => ((await rig!.get(person.emails[0]!, 1_000)).state === "onCall" ? true : null),
      10_000,
    );
    expect(rig.webex.requestsSince(mark, { path: "/v1/authorize" })).to.deep.equal([]);
    expect(rig.webex.requestsSince(mark, { path: "/v1/access_token" })).to.deep.equal([]);
  });

  it("says that a keyring is locked, never that there is no grant, and goes on once it is unlocked", async () => {
    rig = await start();
    await rig.authorize();
    await rig.writeSettings(1);
    await rig.phase("polling");
    await rig.host.shutdown();
    await keyring.lock();
    await rig.host.start();
    const blocked = await rig.phase("blocked", 10_000);
    const codes = blocked.problems.map((p) => p.code);
    expect(codes).to.include("keychainLocked");
    expect(codes).to.not.include("authorizationRequired");
    let refused: { code?: number; data?: { hint?: string } } = {};
    await rig.host
      .request("authorization/setClient", { clientId: "a", clientSecret: "b" })
      .catch((error: unknown) => (refused = error as typeof refused));
    expect(refused.code).to.equal(1105);
    expect(refused.data?.hint).to.be.a("string");
    await keyring.unlock();
    await rig.phase("polling", 15_000);
  });

  it("answers and ends in time while the keyring is frozen, and goes on once it is thawed", async () => {
    rig = await start();
    await rig.authorize();
    await rig.writeSettings(1);
    await rig.phase("polling");
    await rig.host.shutdown();
    keyring.freeze();
    await rig.host.start();
    const blocked = await rig.phase("blocked", 15_000);
    expect(blocked.problems.map((p) => p.code)).to.include("keychainUnavailable");
    keyring.thaw();
    await rig.phase("polling", 20_000);
    keyring.freeze();
    const exited = rig.host.exited();
    const began = Date.now();
    rig.host.kill("SIGTERM");
    expect(await exited).to.deep.equal({ code: 0, signal: null });
    expect(Date.now() - began).to.be.lessThan(1_500);
    keyring.thaw();
  });

  it("names the account and the remedy when there is no session bus", async () => {
    rig = await WorkerRig.start({
      secretStore: "keychain",
      enable: 1,
      env: { ...keyring.env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" },
    });
    const blocked = await rig.phase("blocked", 15_000);
    const problem = blocked.problems.find((p) => p.code === "keychainUnavailable");
    expect(problem?.severity).to.equal("error");
    expect(problem?.message).to.include(userInfo().username);
    expect(problem?.hint).to.not.equal("");
    expect(await rig.get("a@example.com")).to.include({ state: "unknown", reason: "blocked" });
  });
});
