import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { WorkerRig } from "../support/worker-rig.js";

const WORKER = "dist/worker.cjs";

describe("e2e: launch and end", function () {
  this.timeout(20_000);
  let rig: WorkerRig;

  beforeEach(async () => {
    rig = await WorkerRig.start();
  });

  afterEach(async () => {
    await rig.stop();
  });

  async function endsWithin(ms: number, act: () => unknown): Promise<{ code: number | null; signal: string | null }> {
    const exited = rig.host.exited();
    const began = Date.now();
    await act();
    const exit = await exited;
    expect(Date.now() - began).to.be.lessThan(ms);
    return exit;
  }

  for (const [what, args] of [
    ["an unknown option", ["--settings", "x.ini", "--nonsense"]],
    ["no settings", []],
    ["a bad log level", ["--settings", "x.ini", "--log-level", "loud"]],
    ["a bad pid", ["--settings", "x.ini", "--host-pid", "zero"]],
    ["a bad secret store", ["--settings", "x.ini", "--secret-store", "file"]],
  ] as const) {
    it(`exits 2 with the reason and the usage for ${what}`, () => {
      const { status, stderr, stdout } = spawnSync(process.execPath, [WORKER, ...args], { encoding: "utf8" });
      expect(status).to.equal(2);
      expect(stdout).to.equal("");
      const [reason, usage] = stderr.trim().split("\n");
      expect(reason).to.not.equal("");
      expect(usage).to.match(/^usage: /);
    });
  }

  it("exits 0 on exit after shutdown", async () => {
    await rig.host.request("shutdown");
    let refused: { code?: number } = {};
    await rig.host.request("worker/status").catch((error: unknown) => (refused = error as { code: number }));
    expect(refused.code).to.equal(-32600);
    expect(await endsWithin(1_000, () => rig.host.notify("exit"))).to.deep.equal({ code: 0, signal: null });
    const log = await readFile(join(rig.logDirectory, "worker.log"), "utf8");
    const records = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { message: string });
    expect(records.at(0)?.message).to.equal("The worker is starting.");
    expect(records.at(-1)?.message).to.equal("The worker is ending.");
    const status = JSON.parse(await readFile(join(rig.logDirectory, "status.json"), "utf8")) as { phase: string };
    expect(status.phase).to.equal("stopping");
  });

  it("exits 1 on exit without shutdown", async () => {
    await rig.status();
    expect(await endsWithin(1_000, () => rig.host.notify("exit"))).to.deep.equal({ code: 1, signal: null });
  });

  it("exits 0 at the end of stdin", async () => {
    await rig.authorize();
    await rig.writeSettings(1);
    await rig.phase("polling");
    expect(await endsWithin(1_000, () => rig.host.stdin?.end())).to.deep.equal({ code: 0, signal: null });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`exits 0 on ${signal}, also with a request under way`, async () => {
      await rig.authorize();
      rig.webex.set({ latencyMs: 5_000 });
      const asked = rig.webex.nextRequest({ path: "/v1/people" }, 8_000).catch(() => undefined);
      await rig.writeSettings(1);
      await rig.phase("polling");
      expect(await endsWithin(1_000, () => rig.host.kill(signal))).to.deep.equal({ code: 0, signal: null });
      await asked;
    });
  }

  it("exits 65 after a -32700 reply when the input is not the protocol", async () => {
    await rig.status();
    const exit = await endsWithin(1_500, () => rig.host.stdin?.write("hello\n"));
    expect(exit.code).to.equal(65);
    expect(rig.host.transcript.text("stdout")).to.match(/"id":null,"error":\{"code":-32700/);
  });

  it("ends when the host's process is gone, within 3 s, by either way of naming it", async () => {
    const stranger = await sleeper();
    const named = await WorkerRig.start({ hostPid: stranger.pid! });
    await named.status();
    const other = await sleeper();
    await rig.host.request("initialize", { protocolVersion: "1.0", hostPid: other.pid });
    const gone = Date.now();
    const ends = [named.host.exited(), rig.host.exited()];
    stranger.kill("SIGKILL");
    other.kill("SIGKILL");
    for (const exit of await Promise.all(ends)) expect(exit).to.deep.equal({ code: 0, signal: null });
    expect(Date.now() - gone).to.be.lessThan(4_000);
    await named.stop();
  });

  it("ends at once when the host's process was gone at launch", async () => {
    const dead = await sleeper();
    dead.kill("SIGKILL");
    await once(dead, "exit");
    const orphan = await WorkerRig.start({ hostPid: dead.pid! });
    expect(await orphan.host.exited()).to.deep.equal({ code: 0, signal: null });
    await orphan.stop();
  });

  it("takes no host that is too old or not licensed", async () => {
    await rig.authorize();
    await rig.writeSettings(1);
    await rig.phase("polling");
    await rig.host.request("initialize", {
      protocolVersion: "1.0",
      host: { name: "UCX", version: "2021.Summer.2", licensed: false },
    });
    const status = await rig.phase("blocked");
    expect(status.problems.map((p) => p.code)).to.include.members(["hostTooOld", "licenseInvalid"]);
    await rig.writeSettings(0);
    await rig.phase("disabled");
  });

  it("keeps working, with its log lost, when the log folder cannot be made", () => {
    const status = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "worker/status" });
    const args = [WORKER, "--settings", rig.settingsPath, "--secret-store", "memory", "--log-dir", "/dev/null/log"];
    const input = `Content-Length: ${status.length}\r\n\r\n${status}`;
    const worker = spawnSync(process.execPath, args, { encoding: "utf8", input });
    expect(worker.status).to.equal(0);
    expect(worker.stdout).to.match(/"id":1,"result":\{"phase":"starting"/);
  });
});

async function sleeper(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}
