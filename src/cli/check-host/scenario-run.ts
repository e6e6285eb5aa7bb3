// One process of the host under check, in one scenario.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

import { isAlive } from "../../platform/node-process.js";
import { PRESENCE_STATES } from "../../presence/record.js";
import { ScenarioRecord, type HostEvent, type WorkerEvent } from "./record.js";
import type { ScenarioFiles } from "./scenario-files.js";
import { END_TIMEOUT_MS, LAUNCH_TIMEOUT_MS } from "./time-limits.js";

const POLL_MS = 30;
/** For all steps of a scenario. */
const SCRIPT_TIMEOUT_MS = 20_000;
/** How long a host has to send `shutdown`, or to end, after the end of its stdin, or a signal. */
const REACTION_TIMEOUT_MS = 3_000;
/** How long a worker that was told to end may take, once its host has ended. */
const WORKER_END_MS = 2_000;
/** How long a host is watched that must not launch the worker again. */
const LINGER_MS = 2_000;
const STOP_TIMEOUT_MS = 3_000;
/** Longer lines are cut: nothing of what a host may print has to be kept. */
const MAX_LINE_LENGTH = 500;
const ERROR_LINE = /error|exception|fatal|panic/i;

export interface ScenarioRunOptions {
  readonly command: readonly string[];
  readonly files: ScenarioFiles;
  /** Ends the host and the worker at once. */
  readonly signal: AbortSignal;
}

/** Runs the host until the scenario is over; then neither it nor its worker runs. */
export async function runScenario(options: ScenarioRunOptions): Promise<ScenarioRecord> {
  const run = new ScenarioRun(options);
  try {
    await run.untilScriptDone();
    await run.endHost();
  } finally {
    await run.stop();
  }
  return run.record();
}

/** A command that could not be started at all. */
export class HostLaunchError extends Error {
  override readonly name = "HostLaunchError";
}

class ScenarioRun {
  readonly #files: ScenarioFiles;
  readonly #signal: AbortSignal;
  readonly #host: ChildProcessWithoutNullStreams;
  readonly #hostEvents: HostEvent[] = [];
  readonly #workerEvents: EventFile;
  readonly #watchedPids = new Set<number>();
  #launchError: Error | null = null;
  #hasEnded = false;
  #lastLine = "";
  #hasErrorLine = false;

  constructor({ command, files, signal }: ScenarioRunOptions) {
    this.#files = files;
    this.#signal = signal;
    this.#workerEvents = new EventFile(files.eventsPath);
    const { manifestPath, plan } = files;
    const [program = "", ...args] = command.map((part) =>
      part
        .replaceAll("{manifest}", () => manifestPath)
        .replaceAll("{settings}", () => plan.settingsPath),
    );
    try {
      this.#host = spawn(program, args, {
        stdio: "pipe",
        windowsHide: true,
        // Ctrl+C then reaches this process only, which ends the host in order.
        detached: process.platform !== "win32",
        env: {
          ...process.env,
          UCX_PRESENCE_MANIFEST: manifestPath,
          UCX_PRESENCE_SETTINGS: plan.settingsPath,
        },
      });
    } catch (error) {
      // Node.js reports some errors at once, such as that of a batch file on Windows.
      throw new HostLaunchError((error as Error).message, { cause: error });
    }
    this.#observeHost();
  }

  record(): ScenarioRecord {
    // Its last line may be read after its exit.
    const hostEvents = this.#hostEvents.map((event) =>
      event.type === "hostEnded" ? { ...event, lastLine: this.#lastLine } : event,
    );
    return new ScenarioRecord(this.#files.plan, [...hostEvents, ...this.#workerEvents.events]);
  }

  /** Resolves when the script has run, the host has ended, or time is over. */
  async untilScriptDone(): Promise<void> {
    const isScenarioOver = (): boolean =>
      this.#hasEnded ||
      this.#workerEvents.some((event) => event.type === "reached" && event.step === "done");
    const isLaunched = (): boolean => this.#workerEvents.events.length > 0;
    await this.#until(() => isLaunched() || this.#hasEnded, LAUNCH_TIMEOUT_MS);
    if (this.#launchError !== null)
      throw new HostLaunchError(this.#launchError.message, { cause: this.#launchError });
    if (!isLaunched()) return;
    await this.#until(isScenarioOver, SCRIPT_TIMEOUT_MS);
    const mustLinger = this.#files.scenario === "cleanExit" && !this.#hasEnded;
    if (mustLinger) await this.#until(() => false, LINGER_MS);
  }

  /** Ends the host as an administrator does: by the end of its stdin, else by SIGTERM. */
  async endHost(): Promise<void> {
    if (this.#hasEnded) return;
    const requestedAt = Date.now();
    this.#hostEvents.push({ at: requestedAt, type: "endRequested", by: "end of stdin" });
    this.#host.stdin.end();
    await this.#until(() => this.#reactedSince(requestedAt), REACTION_TIMEOUT_MS);
    if (!this.#reactedSince(requestedAt) && process.platform !== "win32") {
      this.#hostEvents.push({ at: Date.now(), type: "endRequested", by: "SIGTERM" });
      this.#host.kill("SIGTERM");
      await this.#until(() => this.#reactedSince(requestedAt), REACTION_TIMEOUT_MS);
    }
    const isOver = (): boolean => this.#hasEnded;
    if (this.#reactedSince(requestedAt)) await this.#until(isOver, END_TIMEOUT_MS);
    if (isOver()) await this.#until(() => this.#runningWorkers().length === 0, WORKER_END_MS);
  }

  /** Ends what still runs, and records it. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) {
      this.#hostEvents.push({ at: Date.now(), type: "hostKilled" });
    } else if (!this.#signal.aborted) {
      for (const workerPid of this.#runningWorkers())
        this.#hostEvents.push({ at: Date.now(), type: "workerLeft", workerPid });
    }
    writeFileSync(this.#files.stopPath, "");
    this.#killHost();
    await this.#until(
      () => this.#hasEnded && this.#runningWorkers().length === 0,
      STOP_TIMEOUT_MS,
      false,
    );
    for (const stream of this.#host.stdio) stream?.destroy();
  }

  #observeHost(): void {
    const host = this.#host;
    if (host.pid !== undefined)
      this.#hostEvents.push({ at: Date.now(), type: "hostLaunched", hostPid: host.pid });
    host.stdin.on("error", () => undefined);
    readLines(host.stdout, (line) => this.#readLine(line));
    readLines(host.stderr, (line) => this.#readErrorLine(line));
    host.once("error", (error) => {
      // Also of a signal that could not be sent.
      if (host.pid !== undefined) return;
      this.#launchError = error;
      this.#hasEnded = true;
    });
    // Not `close`: a worker that is left may keep the host's pipes open.
    host.once("exit", (code, signal) => {
      setImmediate(() => {
        this.#hasEnded = true;
        this.#hostEvents.push({ at: Date.now(), type: "hostEnded", code, signal, lastLine: "" });
      });
    });
  }

  /** The interface of the example hosts: `<uri>\t<state>\t<reason or ->[\t<freshness>]`. */
  #readLine(line: string): void {
    const [uri = "", state = "", reason = "-", freshness = null] = line.trimEnd().split("\t");
    if (!(PRESENCE_STATES as readonly string[]).includes(state)) return;
    this.#hostEvents.push({
      at: Date.now(),
      type: "shown",
      uri,
      state,
      reason: reason === "-" ? null : reason,
      freshness,
    });
  }

  /** Runtimes print stacks and their version after the line that tells what happened. */
  #readErrorLine(line: string): void {
    if (line.trim() === "" || line.startsWith(" ")) return;
    const isError = ERROR_LINE.test(line);
    if (!isError && this.#hasErrorLine) return;
    this.#hasErrorLine = isError;
    this.#lastLine = line.trimEnd();
  }

  #reactedSince(at: number): boolean {
    return (
      this.#hasEnded ||
      this.#workerEvents.some(
        (event) =>
          event.at >= at &&
          (event.type === "inputEnded" ||
            (event.type === "received" &&
              (event.method === "shutdown" || event.method === "exit"))),
      )
    );
  }

  #runningWorkers(): number[] {
    return [...this.#watchedPids].filter((pid) => isAlive(pid));
  }

  /** Observes until the condition is met or the time is over. */
  async #until(isMet: () => boolean, timeoutMs: number, mayAbort = true): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (mayAbort && this.#signal.aborted) throw this.#signal.reason as Error;
      this.#observeWorkers();
      if (isMet() || Date.now() >= deadline) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #observeWorkers(): void {
    for (const event of this.#workerEvents.readNew()) {
      if (event.type === "launched") this.#watchedPids.add(event.pid);
      if (event.type === "asked" && !this.#host.stdin.writableEnded)
        this.#host.stdin.write(`${event.uri}\n`);
    }
    for (const pid of this.#watchedPids) {
      if (isAlive(pid)) continue;
      this.#watchedPids.delete(pid);
      this.#hostEvents.push({ at: Date.now(), type: "workerGone", workerPid: pid });
    }
  }

  #killHost(): void {
    const { pid } = this.#host;
    if (pid === undefined) return;
    try {
      // With what it has launched, also if it has ended itself, as a script does that starts it.
      if (process.platform === "win32") this.#host.kill("SIGKILL");
      else process.kill(-pid, "SIGKILL");
    } catch {
      // Nothing is left of it.
    }
  }
}

/** Calls `handle` with each line, and also with the incomplete last one. */
function readLines(input: Readable, handle: (line: string) => void): void {
  let line = "";
  const append = (text: string): void => {
    line += text.slice(0, MAX_LINE_LENGTH - line.length);
  };
  input.setEncoding("utf8");
  input.on("data", (text: string) => {
    const [first = "", ...others] = text.split("\n");
    append(first);
    for (const other of others) {
      handle(line);
      line = "";
      append(other);
    }
  });
  input.once("end", () => {
    if (line !== "") handle(line);
  });
}

/** The file to which the scripted workers append. */
class EventFile {
  readonly events: WorkerEvent[] = [];
  readonly #path: string;
  readonly #decoder = new StringDecoder("utf8");
  #offset = 0;
  #incompleteLine = "";

  constructor(path: string) {
    this.#path = path;
  }

  some(matches: (event: WorkerEvent) => boolean): boolean {
    return this.events.some(matches);
  }

  /** Returns the events since the last call. */
  readNew(): readonly WorkerEvent[] {
    const lines = (this.#incompleteLine + this.#readText()).split("\n");
    this.#incompleteLine = lines.pop() ?? "";
    const events = lines.map((line) => JSON.parse(line) as WorkerEvent);
    this.events.push(...events);
    return events;
  }

  #readText(): string {
    const file = openSync(this.#path, "r");
    try {
      const buffer = Buffer.alloc(64 * 1024);
      let text = "";
      for (;;) {
        const length = readSync(file, buffer, 0, buffer.length, this.#offset);
        if (length === 0) return text;
        this.#offset += length;
        text += this.#decoder.write(buffer.subarray(0, length));
      }
    } finally {
      closeSync(file);
    }
  }
}
