import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { waitUntil } from "../support/clock-fake.js";
import { requireWindows } from "../support/windows-fixture.js";
import { WorkerProcess } from "../support/worker-process-fixture.js";

/** By contract: noticed within 3 s, and 1 s to exit. */
const EXIT_WITHIN_MS = 4_000;

// The tests themselves hold the worker's stdin, so that only the process id tells it of the host.
describe("the host's process on Windows", function () {
  this.timeout(30_000);
  let folder: string;
  let host: ChildProcess;
  let worker: WorkerProcess | null = null;

  before(function () {
    requireWindows(this);
  });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "ucx-host-"));
    host = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    await once(host, "spawn");
  });

  afterEach(async () => {
    host.kill();
    await worker?.end();
    worker = null;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const launch = (...args: string[]): WorkerProcess =>
    (worker = new WorkerProcess([
      ...["--settings", join(folder, "Presence.ini"), "--log-dir", join(folder, "log")],
      ...["--secret-store", "memory", ...args],
    ]));

  /** Making the folder for the account alone takes longer than a worker's last second. */
  const logFileExists = (): Promise<void> =>
    waitUntil(() => existsSync(join(folder, "log", "worker.log")));

  /** Calls TerminateProcess, like Task Manager: Windows tells the host's children nothing. */
  async function terminateHost(): Promise<void> {
    const exited = once(host, "exit");
    host.kill("SIGKILL");
    await exited;
  }

  async function expectExit(launched: WorkerProcess): Promise<void> {
    const startedAt = Date.now();
    expect(await launched.exited).to.deep.equal({ code: 0, signal: null });
    expect(Date.now() - startedAt).to.be.lessThan(EXIT_WITHIN_MS);
    const log = readFileSync(join(folder, "log", "worker.log"), "utf8");
    expect(log).to.contain("the host's process is gone");
  }

  it("ends the worker with its end, if --host-pid named it", async () => {
    const launched = launch("--host-pid", String(host.pid));
    await launched.status();
    await logFileExists();
    await terminateHost();
    await expectExit(launched);
  });

  it("ends the worker with its end, if initialize named it", async () => {
    const launched = launch();
    await launched.request("initialize", { protocolVersion: "1.1", hostPid: host.pid });
    await logFileExists();
    await terminateHost();
    await expectExit(launched);
  });

  it("ends the worker at once if it is gone at launch", async () => {
    await terminateHost();
    await expectExit(launch("--host-pid", String(host.pid)));
  });
});
