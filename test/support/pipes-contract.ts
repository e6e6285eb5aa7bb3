import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { expect } from "chai";

import { frame, parseFrames, request, type WireMessage } from "./byte-host-fake.js";
import { waitUntil } from "./clock-fake.js";
import { NO_SIGNALS, requireWindows, skipOnWindows } from "./windows-fixture.js";

const MEGABYTE = 1024 * 1024;
const DEADLINE_MS = 15_000;
/** The worker's second, and what a busy machine needs to end the process and to notice that. */
export const EXIT_MS = 1_500;
/** At level debug, each is a record of some 190 bytes. */
export const LOGGED_NOTIFICATION = frame({ jsonrpc: "2.0", method: "x".repeat(100) });
/** More than the 1 MB that the worker keeps for stderr, and far more than a pipe. */
export const MANY = 9_000;

interface LaunchOptions {
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly stdio?: StdioOptions;
}

/** So many responses to worker/status do not fit into a pipe: they have some 2.5 KB each. */
export const FULL = 1_000;

/** The built worker, with the pipes of a host that reads what it likes. */
class PipedWorker {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** When its output has been read, too. */
  readonly closed: Promise<unknown>;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(node: string, folder: string, options: LaunchOptions) {
    const { args = [], nodeArgs = [], stdio = "pipe" } = options;
    this.child = spawn(
      node,
      [
        ...[...nodeArgs, "dist/worker.cjs", "--settings", join(folder, "Presence.ini")],
        ...["--secret-store", "memory", "--log-dir", join(folder, "log"), ...args],
      ],
      { stdio },
    );
    this.exited = once(this.child, "exit").then(([code]) => code as number | null);
    this.closed = once(this.child, "close");
    this.child.stdin?.on("error", () => undefined);
  }

  send(...chunks: readonly Buffer[]): void {
    this.child.stdin!.write(Buffer.concat(chunks));
  }

  readStdout(): this {
    this.child.stdout!.on("data", (chunk: Buffer) => this.#stdout.push(chunk)).resume();
    return this;
  }

  readStderr(): this {
    this.child.stderr!.on("data", (chunk: Buffer) => this.#stderr.push(chunk)).resume();
    return this;
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  get messages(): WireMessage[] {
    return parseFrames(Buffer.concat(this.#stdout));
  }

  /** Resolves with the response to a request, of which there may be one at a time. */
  async ask(id: number, method: string): Promise<WireMessage> {
    this.send(request(id, method));
    const find = (): WireMessage | undefined => this.messages.find((message) => message.id === id);
    await until(this.child.stdout!, () => find() !== undefined, `the response to ${method}`);
    return find()!;
  }

  stderrShows(text: string): Promise<void> {
    return until(this.child.stderr!, () => this.stderr.includes(text), `"${text}" on stderr`);
  }

  /** Does something and expects the exit code 0 within a time. */
  async expectExit(act: () => unknown, ms = EXIT_MS): Promise<void> {
    const startedAt = Date.now();
    act();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, DEADLINE_MS, "running")));
    expect(await Promise.race([this.exited, late])).to.equal(0);
    clearTimeout(timer);
    expect(Date.now() - startedAt).to.be.lessThan(ms);
  }
}

/** Waits for data until the condition holds. */
async function until(stream: Readable, holds: () => boolean, description: string): Promise<void> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  try {
    while (!holds()) await once(stream, "data", { signal });
  } catch (error) {
    throw new Error(`Not within ${DEADLINE_MS} ms: ${description}`, { cause: error });
  }
}

/** What a host that reads slowly, not at all or no longer does to the worker: nothing. */
export function testPipes(node: string): void {
  let folder: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-pipes-"));
    writeFileSync(join(folder, "Presence.ini"), "WebexPresence.Enable=0\r\n");
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  function launch(options: LaunchOptions = {}): PipedWorker {
    const worker = new PipedWorker(node, folder, options);
    children.push(worker.child);
    return worker;
  }

  async function launchIdleProcess(): Promise<ChildProcess> {
    const child = spawn(node, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    children.push(child);
    await once(child, "spawn");
    return child;
  }

  const logFileShows = (text: string): Promise<void> =>
    waitUntil(
      () => logFile().includes(text),
      DEADLINE_MS,
      () => `"${text}" in the log file`,
    );

  /** Waits until the worker, at level debug, has handled everything that it was sent. */
  async function hasHandledInput(worker: PipedWorker): Promise<void> {
    worker.send(frame({ jsonrpc: "2.0", method: "end of the input" }));
    await logFileShows("end of the input");
  }

  /** A worker with so many records that nobody has read from stderr. */
  async function launchWithUnreadStderr(
    records: number,
    args: readonly string[] = [],
  ): Promise<PipedWorker> {
    const worker = launch({ args: ["--log-level", "debug", ...args] })
      .readStdout()
      .readStderr();
    await worker.stderrShows("The worker is starting.");
    worker.child.stderr!.pause();
    worker.send(...Array.from({ length: records }, () => LOGGED_NOTIFICATION));
    await worker.ask(1, "worker/status");
    return worker;
  }

  /** A worker that has more responses than its host reads. */
  async function launchWithUnreadStdout(
    responses: number,
    args: readonly string[] = [],
  ): Promise<PipedWorker> {
    const worker = launch({ args }).readStderr();
    await worker.stderrShows("The worker is starting.");
    worker.send(...Array.from({ length: responses }, (_, i) => request(i, "worker/status")));
    await once(worker.child.stdout!, "readable");
    return worker;
  }

  function logFile(): string {
    const path = join(folder, "log", "worker.log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  it("answers while nobody reads stderr, and ends at the end of stdin", async () => {
    const worker = await launchWithUnreadStderr(MANY);
    await hasHandledInput(worker);
    await worker.expectExit(() => worker.child.stdin!.end());
    expect(logFile())
      .to.include("does not read the worker's stderr")
      .and.to.include("The worker is stopping.");
  });

  it("ends while nobody reads stderr when the process of the host is gone", async () => {
    const host = await launchIdleProcess();
    const worker = await launchWithUnreadStderr(MANY, ["--host-pid", String(host.pid)]);
    await worker.expectExit(() => host.kill("SIGKILL"), 3_000 + EXIT_MS);
  });

  it("writes whole lines to stderr once the host reads it, and says how many are missing", async () => {
    const worker = await launchWithUnreadStderr(MANY);
    worker.child.stderr!.resume();
    await worker.stderrShows("reads all of the worker's stderr again");
    await logFileShows("reads all of the worker's stderr again");
    worker.child.stdin!.end();
    await worker.closed;
    const lines = worker.stderr.trimEnd().split(/\r?\n/);
    for (const line of lines)
      expect(line).to.match(/^\d{4}-\d\d-\d\dT\S+Z (debug|info|warn|error) [A-Z]/);
    const shown = lines.filter((line) => line.includes("Ignored an unknown")).length;
    const missing = /stderr again.*"missingRecords":(\d+)/.exec(worker.stderr)?.[1];
    const all = logFile().trimEnd().split(/\r?\n/).length;
    expect(lines.length + Number(missing)).to.equal(all);
    expect(shown).to.be.lessThan(MANY);
    expect(worker.stderr.length).to.be.greaterThan(MEGABYTE / 2);
    // Under Wine on a busy machine, the warning about the log folder's rights may come later still.
    expect(worker.stderr).to.include('"to":"stopping"');
  });

  it("writes its last records to stderr if the host reads it at the end", async () => {
    const worker = await launchWithUnreadStderr(1_000);
    worker.child.stderr!.resume();
    worker.child.stdin!.end();
    await worker.closed;
    const lines = worker.stderr.trimEnd().split(/\r?\n/);
    expect(lines.filter((line) => line.includes("Ignored an unknown"))).to.have.length(1_000);
    expect(worker.stderr).to.include('"to":"stopping"');
  });

  for (const [amount, responses] of [
    ["full", FULL],
    ["so full that the worker accepts no requests", 10 * FULL],
  ] as const) {
    it(`ends at the end of stdin while stdout is ${amount} and nobody reads it`, async () => {
      const worker = await launchWithUnreadStdout(responses);
      await worker.expectExit(() => worker.child.stdin!.end());
      expect(logFile()).to.include("The worker is stopping.");
    });

    it(`ends on shutdown and exit while stdout is ${amount} and nobody reads it`, async () => {
      const worker = await launchWithUnreadStdout(responses);
      await worker.expectExit(() =>
        worker.send(request("s", "shutdown"), frame({ jsonrpc: "2.0", method: "exit" })),
      );
    });
  }

  it("ends while nobody reads stdout when the process of the host is gone", async () => {
    const host = await launchIdleProcess();
    const worker = await launchWithUnreadStdout(FULL, ["--host-pid", String(host.pid)]);
    await worker.expectExit(() => host.kill("SIGKILL"), 3_000 + EXIT_MS);
  });

  it("ends on SIGTERM while nobody reads stdout", async function () {
    skipOnWindows(this, NO_SIGNALS);
    const worker = await launchWithUnreadStdout(FULL);
    await worker.expectExit(() => worker.child.kill("SIGTERM"));
  });

  it("sends every response, whole and in order, to a host that reads late", async () => {
    const worker = await launchWithUnreadStdout(FULL);
    worker.readStdout();
    await worker.ask(FULL, "worker/status");
    worker.child.stdin!.end();
    expect(await worker.exited).to.equal(0);
    const ids = worker.messages.filter(({ id }) => id !== undefined).map(({ id }) => id);
    expect(ids).to.deep.equal(Array.from({ length: FULL + 1 }, (_, i) => i));
  });

  it("ends when the host closes stdout, with output pending or not", async () => {
    const busy = await launchWithUnreadStdout(FULL);
    await busy.expectExit(() => busy.child.stdout!.destroy());
    const idle = launch().readStdout().readStderr();
    await idle.ask(1, "worker/status");
    await idle.expectExit(() => {
      idle.child.stdout!.destroy();
      idle.send(request(2, "worker/status"));
    });
    expect(busy.stderr + idle.stderr).to.not.match(/defect|EPIPE|EOF/);
  });

  it("answers and logs to its file when the host closes stderr, with output pending or not", async () => {
    for (const start of [
      () => launchWithUnreadStderr(MANY),
      () => Promise.resolve(launch({ args: ["--log-level", "debug"] })),
    ]) {
      const worker = (await start()).readStdout();
      await worker.ask(100, "worker/status");
      worker.child.stderr!.destroy();
      expect((await worker.ask(101, "worker/status")).result).to.have.property("phase");
      await hasHandledInput(worker);
      await worker.expectExit(() => worker.child.stdin!.end());
      expect(logFile()).to.include("The worker is stopping.").and.to.not.include("defect");
    }
  });

  it("is not blocked by overlapped pipes either", async () => {
    // Windows has two kinds of pipes; elsewhere, they are the same.
    const worker = launch({
      args: ["--log-level", "debug"],
      stdio: ["overlapped", "overlapped", "overlapped"],
    }).readStderr();
    await worker.stderrShows("The worker is starting.");
    worker.child.stderr!.pause();
    worker.send(...Array.from({ length: MANY }, () => LOGGED_NOTIFICATION));
    worker.send(...Array.from({ length: FULL }, (_, i) => request(i, "worker/status")));
    await hasHandledInput(worker);
    await worker.expectExit(() => worker.child.stdin!.end());
  });

  it("works without stderr, and with files for stdout and stderr", async () => {
    const withoutStderr = launch({ stdio: ["pipe", "pipe", "ignore"] }).readStdout();
    await withoutStderr.ask(1, "worker/status");
    await withoutStderr.expectExit(() => withoutStderr.child.stdin!.end());

    const [stdout, stderr] = ["stdout", "stderr"].map((name) => openSync(join(folder, name), "w"));
    const withFiles = launch({ stdio: ["pipe", stdout, stderr] });
    withFiles.send(request(1, "worker/status"));
    withFiles.child.stdin!.end();
    expect(await withFiles.exited).to.equal(0);
    for (const file of [stdout!, stderr!]) closeSync(file);
    const [response] = parseFrames(readFileSync(join(folder, "stdout")));
    expect(response?.result).to.have.property("phase");
    expect(readFileSync(join(folder, "stderr"), "utf8")).to.include("The worker is stopping.");
  });

  function preload(script: string): readonly string[] {
    const path = join(folder, "preload.cjs");
    writeFileSync(path, script);
    return ["--require", path];
  }

  it("says in the log if Node does not let it write without waiting for the host", async function () {
    // Elsewhere, Node's own streams do not wait.
    requireWindows(this);
    const nodeArgs = preload("process.stderr._handle.setBlocking = undefined;");
    const worker = launch({ nodeArgs }).readStderr();
    await worker.stderrShows("does not let the worker write to the host without waiting for it");
  });

  it("logs Node's warnings, also while nobody reads stderr", async () => {
    const worker = launch({
      nodeArgs: preload(`setTimeout(() => {
        for (let i = 0; i < 100; i += 1) process.emitWarning("Number " + i + " " + "y".repeat(20_000));
      }, 300);`),
    }).readStdout();
    await logFileShows("Number 99 ");
    await worker.ask(1, "worker/status");
    worker.readStderr();
    await worker.expectExit(() => worker.child.stdin!.end());
    await worker.closed;
    expect(worker.stderr).to.not.match(/^\(node:\d+\)/m);
  });
}
