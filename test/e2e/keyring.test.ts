import { readdir, readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { expectPresenceAfterKill } from "../support/keychain-fixture.js";
import { startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { skip } from "../support/windows-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

describe("e2e: a real keyring under a real session bus", function () {
  this.timeout(90_000);
  let keyring: Keyring;
  let harness: WorkerHarness | null = null;

  before(function () {
    requireTool(this, "gnome-keyring-daemon", "gnome-keyring");
    requireTool(this, "dbus-daemon", "dbus");
  });

  beforeEach(async () => {
    keyring = await startKeyring();
  });

  afterEach(async () => {
    await harness?.stop();
    harness = null;
    await keyring.stop();
  });

  const start = (): Promise<WorkerHarness> =>
    WorkerHarness.start({ secretStore: "keychain", env: keyring.env });

  it("restores presence after kill -9 from the keychain alone", async () => {
    harness = await start();
    await expectPresenceAfterKill(harness);
  });

  it("reports a locked keyring, not a missing grant, and continues once it is unlocked", async () => {
    harness = await start();
    await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    await harness.host.shutdown();
    await keyring.lock();
    await harness.host.start();
    const blocked = await harness.waitForPhase("blocked", 10_000);
    const codes = blocked.problems.map((p) => p.code);
    expect(codes).to.include("keychainLocked");
    expect(codes).to.not.include("authorizationRequired");
    let rejection: { code?: number; data?: { hint?: string } } = {};
    await harness.host
      .request("authorization/setClient", { clientId: "a", clientSecret: "b" })
      .catch((error: unknown) => (rejection = error as typeof rejection));
    expect(rejection.code).to.equal(1105);
    expect(rejection.data?.hint).to.be.a("string");
    await keyring.unlock();
    await harness.waitForPhase("polling", 15_000);
  });

  it("answers and exits in time while the keyring is frozen, and continues once it is thawed", async () => {
    harness = await start();
    await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    await harness.host.shutdown();
    keyring.freeze();
    await harness.host.start();
    const blocked = await harness.waitForPhase("blocked", 15_000);
    expect(blocked.problems.map((p) => p.code)).to.include("keychainUnavailable");
    keyring.unfreeze();
    await harness.waitForPhase("polling", 20_000);
    keyring.freeze();
    const exited = harness.host.exited();
    const startedAt = Date.now();
    harness.host.kill("SIGTERM");
    expect(await exited).to.deep.equal({ code: 0, signal: null });
    expect(Date.now() - startedAt).to.be.lessThan(1_500);
    keyring.unfreeze();
  });

  it("gives the keychain's own process nothing of the environment that it does not need", async function () {
    if (process.platform !== "linux") skip(this, "only Linux shows another process in /proc");
    const preload = join(keyring.home, "preload.cjs");
    await writeFile(preload, "globalThis.preloaded = true;");
    harness = await WorkerHarness.start({
      secretStore: "keychain",
      env: {
        ...keyring.env,
        NODE_OPTIONS: `--require=${preload}`,
        HTTPS_PROXY: "http://planted-user:planted-password@127.0.0.1:1",
        LC_ALL: "de_DE.UTF-8",
      },
    });
    await harness.authorize();
    const { pid } = await harness.status();
    const [child] = await childrenOf(pid);
    const environment = (await readFile(`/proc/${child}/environ`, "utf8")).split("\0");
    expect(environment).to.include(
      `DBUS_SESSION_BUS_ADDRESS=${keyring.env.DBUS_SESSION_BUS_ADDRESS}`,
    );
    const names = environment.filter((entry) => entry !== "").map((entry) => entry.split("=")[0]!);
    expect(
      names.filter(
        (name) => !/^(XDG_.*|DBUS_.*|HOME|USER|LOGNAME|PATH|TMPDIR|NODE_CHANNEL_.*)$/.test(name),
      ),
    ).to.deep.equal([]);
  });

  it("names the account and the remedy if there is no session bus", async () => {
    harness = await WorkerHarness.start({
      secretStore: "keychain",
      enable: 1,
      env: { ...keyring.env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" },
    });
    const blocked = await harness.waitForPhase("blocked", 15_000);
    const problem = blocked.problems.find((p) => p.code === "keychainUnavailable");
    expect(problem?.severity).to.equal("error");
    expect(problem?.message).to.include(userInfo().username);
    expect(problem?.hint).to.not.equal("");
    expect(await harness.get("a@example.com")).to.include({ state: "unknown", reason: "blocked" });
  });
});

/** The processes that a process has started (proc(5): the parent is the fourth field). */
async function childrenOf(pid: number): Promise<string[]> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(
    processes.map(async (name) => {
      const stat = await readFile(`/proc/${name}/stat`, "latin1").catch(() => "");
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    }),
  );
  return processes.filter((_name, index) => parents[index] === String(pid));
}
