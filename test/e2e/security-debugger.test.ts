import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { waitUntil } from "../support/clock-fake.js";
import { requireKeychain, startKeychain, type TestKeychain } from "../support/keychain-fixture.js";
import { catchesUserSignal, listeningPorts, processTree } from "../support/proc-fixture.js";
import { skip } from "../support/windows-fixture.js";
import { WorkerProcess } from "../support/worker-process-fixture.js";

/** So that a debugger can open its port whatever runs on this machine. */
const ANY_PORT = { NODE_OPTIONS: "--inspect-port=0" };
/** Longer than the debugger takes to open its port, and the worker to close it. */
const SETTLED_MS = 1_000;
/** Whether the signal comes before the worker listens is chance, so that several are started. */
const MAX_STARTS = 10;
/** A process looks for an open port for the last time 5 s after its start. */
const LAST_CHECK_MS = 7_000;

describe("e2e: SIGUSR1, which opens the debugger of Node.js to every account", function () {
  this.timeout(60_000);
  let folder: string;
  let worker: WorkerProcess | null = null;
  let command: ChildProcessWithoutNullStreams | null = null;
  let keychain: TestKeychain | null = null;

  before(function () {
    if (process.platform !== "linux") skip(this, "only Linux lists a process's ports in /proc");
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-debugger-"));
  });
  afterEach(async () => {
    await worker?.end();
    worker = null;
    command?.kill("SIGKILL");
    command = null;
    await keychain?.stop();
    keychain = null;
    await rm(folder, { recursive: true, force: true });
  });

  const start = (
    secretStore = "memory",
    env: Readonly<Record<string, string | undefined>> = ANY_PORT,
  ): WorkerProcess =>
    (worker = new WorkerProcess(
      [
        ...["--settings", join(folder, "Presence.ini")],
        ...["--secret-store", secretStore, "--log-dir", join(folder, "log")],
      ],
      env,
    ));

  it("opens no port and ends nothing in a worker that answers, and is in the log", async () => {
    const { child } = start();
    await worker!.status();
    for (let n = 0; n < 3; n += 1) child.kill("SIGUSR1");
    await waitUntil(() => worker!.stderr.includes("ignores the signal SIGUSR1"));
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    expect(listeningPorts(child.pid!)).to.deep.equal([]);
    expect(worker!.stderr).to.not.include("Debugger listening");
    expect((await worker!.status()).pid).to.equal(child.pid);
  });

  it("leaves no port open if it comes while the worker starts", async () => {
    let wasOpen = false;
    for (let starts = 0; !wasOpen && starts < MAX_STARTS; starts += 1) {
      await worker?.end();
      const { child } = start();
      await waitUntil(() => catchesUserSignal(child.pid!));
      // As soon as Node.js itself listens, and until the worker does.
      const sending = setInterval(() => child.kill("SIGUSR1"), 1);
      try {
        await worker!.status();
      } finally {
        clearInterval(sending);
      }
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
      await waitUntil(() => listeningPorts(child.pid!).length === 0, LAST_CHECK_MS);
      expect((await worker!.status()).pid).to.equal(child.pid);
      wasOpen = worker!.stderr.includes("Debugger listening");
    }
    expect(wasOpen, "a port was open for a moment").to.equal(true);
  });

  it("opens no port in the process that talks to the keychain", async function () {
    requireKeychain(this);
    keychain = await startKeychain();
    const { child } = start("keychain", { ...keychain.env, ...ANY_PORT });
    await worker!.request("authorization/setClient", { clientId: "id", clientSecret: "s3cret" });
    const [keytar] = processTree(child.pid!, false);
    expect(keytar?.commandLine).to.include("keytar");
    process.kill(keytar!.pid, "SIGUSR1");
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    expect(listeningPorts(keytar!.pid)).to.deep.equal([]);
    await worker!.request("authorization/setClient", { clientId: "id", clientSecret: "other" });
    expect(await readFile(`/proc/${keytar!.pid}/cmdline`, "utf8")).to.include("keytar");
  });

  it("opens no port in a command that waits for a secret", async () => {
    const store = ["--secret-store", "memory", "--settings", join(folder, "Presence.ini")];
    command = spawn(process.execPath, ["dist/cli.cjs", "secret", "client", ...store], {
      env: { ...process.env, ...ANY_PORT },
    });
    const { pid = 0 } = command;
    await waitUntil(() => catchesUserSignal(pid));
    const sending = setInterval(() => command?.kill("SIGUSR1"), 1);
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    clearInterval(sending);
    await waitUntil(() => listeningPorts(pid).length === 0, LAST_CHECK_MS);
    expect(command.exitCode).to.equal(null);
  });

  it("leaves a debugger alone that somebody has asked for", async () => {
    const { child } = start("memory", { NODE_OPTIONS: "--inspect=0" });
    await worker!.status();
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    expect(listeningPorts(child.pid!)).to.have.length(1);
  });
});
