import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { waitUntil } from "../support/clock-fake.js";
import { NO_SIGNALS, skipOnWindows } from "../support/windows-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const WORKER = "dist/worker.cjs";

describe("e2e: launch and exit", function () {
  this.timeout(20_000);
  let harness: WorkerHarness;

  beforeEach(async () => {
    harness = await WorkerHarness.start();
  });

  afterEach(async () => {
    await harness.stop();
  });

  async function expectExitWithin(
    ms: number,
    act: () => unknown,
  ): Promise<{ code: number | null; signal: string | null }> {
    const exited = harness.host.exited();
    const startedAt = Date.now();
    await act();
    const exit = await exited;
    expect(Date.now() - startedAt).to.be.lessThan(ms);
    return exit;
  }

  for (const [what, args] of [
    ["an unknown option", ["--settings", "x.ini", "--nonsense"]],
    ["no settings", []],
    ["a bad log level", ["--settings", "x.ini", "--log-level", "loud"]],
    ["a bad pid", ["--settings", "x.ini", "--host-pid", "zero"]],
    ["a pid that nobody can watch", ["--settings", "x.ini", "--host-pid", "2147483648"]],
    ["a bad secret store", ["--settings", "x.ini", "--secret-store", "file"]],
  ] as const) {
    it(`exits with code 2, the reason and the usage for ${what}`, function () {
      if (what === "no settings") skipOnWindows(this, "on Windows, --settings has a default");
      const { status, stderr, stdout } = spawnSync(process.execPath, [WORKER, ...args], {
        encoding: "utf8",
      });
      expect(status).to.equal(2);
      expect(stdout).to.equal("");
      const [reason, usage] = stderr.trim().split("\n");
      expect(reason).to.not.equal("");
      expect(usage).to.match(/^usage: /);
    });
  }

  it("writes no control character of a launch option to stderr", () => {
    const args = ["--settings", "x.ini", "--log-level", "\u001b[2J\u009b2Jloud"];
    const { stderr } = spawnSync(process.execPath, [WORKER, ...args], { encoding: "utf8" });
    expect(stderr).to.include("loud");
    // eslint-disable-next-line no-control-regex -- looks for them
    expect(stderr.replaceAll("\n", "")).to.not.match(/[\u0000-\u001f\u007f-\u009f]/);
  });

  it("exits with code 0 on exit after shutdown", async () => {
    await harness.waitForPhase("disabled");
    // Until then, the worker makes its log folder, and on Windows waits for other programs.
    await waitUntil(() => existsSync(join(harness.logDirectory, "status.json")), 10_000);
    await harness.host.request("shutdown");
    let rejection: { code?: number } = {};
    await harness.host
      .request("worker/status")
      .catch((error: unknown) => (rejection = error as { code: number }));
    expect(rejection.code).to.equal(-32600);
    expect(await expectExitWithin(1_000, () => harness.host.notify("exit"))).to.deep.equal({
      code: 0,
      signal: null,
    });
    const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
    const records = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { message: string });
    expect(records.at(0)?.message).to.equal("The worker is starting.");
    expect(records.at(-1)?.message).to.equal("The worker is stopping.");
    const status = JSON.parse(
      await readFile(join(harness.logDirectory, "status.json"), "utf8"),
    ) as { phase: string };
    expect(status.phase).to.equal("stopping");
  });

  it("exits with code 1 on exit without shutdown", async () => {
    await harness.status();
    expect(await expectExitWithin(1_000, () => harness.host.notify("exit"))).to.deep.equal({
      code: 1,
      signal: null,
    });
  });

  it("exits with code 0 at the end of stdin", async () => {
    await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    expect(await expectExitWithin(1_000, () => harness.host.stdin?.end())).to.deep.equal({
      code: 0,
      signal: null,
    });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`exits with code 0 on ${signal}, even during a request to Webex`, async function () {
      skipOnWindows(this, NO_SIGNALS);
      await harness.authorize();
      harness.webex.set({ latencyMs: 5_000 });
      const request = harness.webex
        .nextRequest({ path: "/v1/people" }, 8_000)
        .catch(() => undefined);
      await harness.writeSettings(1);
      await harness.waitForPhase("polling");
      expect(await expectExitWithin(1_000, () => harness.host.kill(signal))).to.deep.equal({
        code: 0,
        signal: null,
      });
      await request;
    });
  }

  it("exits with code 65 after a -32700 reply to invalid input", async () => {
    await harness.status();
    const exit = await expectExitWithin(1_500, () => harness.host.stdin?.write("hello\n"));
    expect(exit.code).to.equal(65);
    expect(harness.host.transcript.text("stdout")).to.match(/"id":null,"error":\{"code":-32700/);
  });

  it("exits within 3 s of the host, whether an option or initialize names its process", async () => {
    const firstHost = await startIdleProcess();
    const harnessWithHostPid = await WorkerHarness.start({ hostPid: firstHost.pid! });
    await harnessWithHostPid.status();
    const secondHost = await startIdleProcess();
    await harness.host.request("initialize", { protocolVersion: "1.0", hostPid: secondHost.pid });
    const killedAt = Date.now();
    const exits = [harnessWithHostPid.host.exited(), harness.host.exited()];
    firstHost.kill("SIGKILL");
    secondHost.kill("SIGKILL");
    for (const exit of await Promise.all(exits))
      expect(exit).to.deep.equal({ code: 0, signal: null });
    expect(Date.now() - killedAt).to.be.lessThan(4_000);
    await harnessWithHostPid.stop();
  });

  it("exits immediately if the host's process does not exist at launch", async () => {
    const endedHost = await startIdleProcess();
    endedHost.kill("SIGKILL");
    await once(endedHost, "exit");
    const harnessWithoutHost = await WorkerHarness.start({ hostPid: endedHost.pid! });
    expect(await harnessWithoutHost.host.exited()).to.deep.equal({ code: 0, signal: null });
    await harnessWithoutHost.stop();
  });

  it("blocks a host that is too old or not licensed", async () => {
    await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    await harness.host.request("initialize", {
      protocolVersion: "1.1",
      host: { name: "UCX", version: "2021.Summer.2", licensed: false },
    });
    const status = await harness.waitForPhase("blocked");
    expect(status.problems.map((p) => p.code)).to.include.members(["hostTooOld", "licenseInvalid"]);
    await harness.writeSettings(0);
    await harness.waitForPhase("disabled");
  });

  it("keeps working without a log if the log folder cannot be created", () => {
    const status = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "worker/status" });
    const args = [
      WORKER,
      "--settings",
      harness.settingsPath,
      "--secret-store",
      "memory",
      "--log-dir",
      join(harness.settingsPath, "log"),
    ];
    const input = `Content-Length: ${status.length}\r\n\r\n${status}`;
    const worker = spawnSync(process.execPath, args, { encoding: "utf8", input });
    expect(worker.status).to.equal(0);
    expect(worker.stdout).to.match(/"id":1,"result":\{"phase":"starting"/);
  });
});

async function startIdleProcess(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}
