import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough, type Readable } from "node:stream";
import { JsonRpcClient, type PendingRequest } from "./json-rpc-client.js";
import { Transcript } from "./transcript.js";

export interface ReferenceHostOptions {
  readonly manifestPath: string;
  /** The path of Presence.ini. */
  readonly settingsPath: string;
  /** Arguments after those of the manifest, such as `["--secret-store", "memory"]`. */
  readonly extraArgs?: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Replaces the manifest's command, for example with another version of Node. */
  readonly command?: string;
  /** The host's process id; null leaves the argument out. Default: the id of this process. */
  readonly hostPid?: number | null;
  /** Gives the worker a process group of its own, as a service manager does. Default: false. */
  readonly ownProcessGroup?: boolean;
  /** Whether to apply the manifest's restart policy. Default: true. */
  readonly restart?: boolean;
}

/** The members of plugin.manifest.json that a host needs. */
interface WorkerManifest {
  /** The folder of the manifest, to which relative arguments refer: the worker's current folder. */
  readonly folder: string;
  /** An absolute path, or the name of a program on the PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly settingsArgument: string;
  readonly hostPidArgument: string;
  readonly protocolVersion: string;
  readonly restart: { readonly policy: string; readonly delaysSeconds: readonly number[] };
}

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a host says of itself in `initialize`. */
export interface HostIntroduction {
  readonly host?: { readonly name: string; readonly version: string; readonly licensed?: boolean };
  readonly attendantConsole?: { readonly version: string };
}

/** The members of a presence record that a host needs in order to show it. */
export interface PresenceRecord {
  readonly uri: string;
  readonly state: string;
  readonly reason: string | null;
  readonly displayName: string | null;
  /** When Webex confirmed it (ISO 8601); null = never. */
  readonly observedAt: string | null;
}

export interface RefreshOptions {
  /** The oldest answer that will do: Webex is asked about a record confirmed before. Default: 0. */
  readonly maxAgeSeconds?: number;
  /** How long to wait for Webex, then the answer is what the worker knows. Default: 3000. */
  readonly maxWaitMs?: number;
}

export interface RefreshedPresence<Presence = PresenceRecord> {
  readonly record: Presence;
  /**
   * Whether Webex confirmed the record recently enough. If not, `observedAt` tells when the latest
   * response came.
   */
  readonly isFresh: boolean;
  /** How long the answer took, in milliseconds. */
  readonly tookMs: number;
}

interface HostEvents {
  /** `refreshing` has changed. */
  refreshing: [];
  notification: [method: string, params: unknown];
  stderrLine: [line: string];
  exit: [exit: WorkerExit];
  /** The worker was launched after a failure; `attempt` starts at 1. */
  restart: [restart: { attempt: number; delaySeconds: number }];
  protocolError: [error: Error];
}

/** The version of the protocol that this host speaks. */
const PROTOCOL_VERSION = "1.1";
/** How much before its end a worker's wait may seem to end by this process's clock. */
const TIMER_TOLERANCE_MS = 10;
/** After this time, a worker counts as stable, and its next restart uses the first delay again. */
const STABLE_AFTER_MS = 60_000;

/** Does what a UCX Presence host does: launches a worker from its manifest and restarts it. */
export class ReferenceHost extends EventEmitter<HostEvents> {
  readonly transcript = new Transcript();
  readonly manifest: WorkerManifest;
  readonly #options: ReferenceHostOptions;
  #worker: ChildProcessWithoutNullStreams | null = null;
  #rpc: JsonRpcClient | null = null;
  #exited: Promise<WorkerExit> = Promise.resolve({ code: null, signal: null });
  /** The number of refreshes under way for each address. */
  readonly #refreshing = new Map<string, number>();
  #failures = 0;
  #relaunch: NodeJS.Timeout | null = null;
  #stopping = false;

  /** Throws an Error for a manifest that this host cannot launch. */
  constructor(options: ReferenceHostOptions) {
    super();
    this.#options = options;
    this.manifest = readManifest(options.manifestPath);
  }

  /** The worker's process id, or null if it is not running. */
  get pid(): number | null {
    return this.#worker?.pid ?? null;
  }

  /** The running worker's stdin, for tests that write invalid input. */
  get stdin(): NodeJS.WritableStream | null {
    return this.#worker?.stdin ?? null;
  }

  /** Its stdout and stderr, for tests that stop reading them, or close them. */
  get outputs(): readonly Readable[] {
    return this.#worker === null ? [] : [this.#worker.stdout, this.#worker.stderr];
  }

  /** Launches the worker. Resolves when its process exists, which accepts requests immediately. */
  async start(): Promise<void> {
    this.#stopping = false;
    await this.#launch();
  }

  /** Rejects with an `RpcError` for an error response, and with an Error if the worker exits. */
  request(method: string, params?: object): PendingRequest {
    if (this.#rpc) return this.#rpc.request(method, params);
    return Object.assign(Promise.reject(new Error("The worker is not running.")), {
      cancel: () => undefined,
    });
  }

  /** Tells the worker who its host is. Rejects like `request`. */
  async initialize(
    introduction: HostIntroduction = {},
  ): Promise<{ readonly name: string; readonly version: string }> {
    const params = { protocolVersion: PROTOCOL_VERSION, ...introduction };
    const { worker } = (await this.request("initialize", params)) as {
      worker: { name: string; version: string };
    };
    return worker;
  }

  /** The addresses with a refresh under way: a console marks them as being checked. */
  get refreshing(): ReadonlySet<string> {
    return new Set(this.#refreshing.keys());
  }

  /**
   * Asks for somebody's presence at the moment of a decision, such as before a transfer. Meanwhile,
   * a console keeps showing the state that it has, marked by `refreshing`. Rejects like `request`,
   * but not if Webex cannot answer: the record is then not fresh.
   */
  async refresh<Presence extends PresenceRecord>(
    uri: string,
    options: RefreshOptions = {},
  ): Promise<RefreshedPresence<Presence>> {
    const { maxAgeSeconds = 0, maxWaitMs = 3000 } = options;
    const askedAt = Date.now();
    const startedAt = performance.now();
    this.#countRefresh(uri, 1);
    try {
      const params = { uri, maxAgeSeconds, maxWaitMs };
      const record = (await this.request("presence/get", params)) as Presence;
      const oldestAt = askedAt - maxAgeSeconds * 1000;
      const tookMs = performance.now() - startedAt;
      // What came while the worker waited in vain may have been requested long before.
      const isInTime = maxWaitMs === 0 || tookMs < maxWaitMs - TIMER_TOLERANCE_MS;
      const { observedAt } = record;
      const isFresh = isInTime && observedAt !== null && Date.parse(observedAt) >= oldestAt;
      return { record, isFresh, tookMs };
    } finally {
      this.#countRefresh(uri, -1);
    }
  }

  notify(method: string, params?: object): void {
    this.#rpc?.notify(method, params);
  }

  /** Resolves with the parameters of the next matching notification; rejects after `timeoutMs`. */
  nextNotification(
    method: string,
    matches: (params: unknown) => boolean = () => true,
    timeoutMs = 10_000,
  ): Promise<unknown> {
    return new Promise((resolveNotification, reject) => {
      const listener = (name: string, params: unknown): void => {
        if (name !== method || !matches(params)) return;
        clearTimeout(deadline);
        this.off("notification", listener);
        resolveNotification(params);
      };
      const deadline = setTimeout(() => {
        this.off("notification", listener);
        reject(new Error(`No ${method} notification matched within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.on("notification", listener);
    });
  }

  /** Resolves when the current process exits. */
  exited(): Promise<WorkerExit> {
    return this.#exited;
  }

  /**
   * Stops the worker with `shutdown` and `exit`, and kills it after `timeoutMs`. The worker is not
   * restarted.
   */
  async shutdown(timeoutMs = 5000): Promise<WorkerExit> {
    this.#stopping = true;
    if (this.#relaunch) clearTimeout(this.#relaunch);
    const worker = this.#worker;
    if (!worker) return this.#exited;
    const killTimer = setTimeout(() => worker.kill("SIGKILL"), timeoutMs);
    // A worker that exits during the shutdown needs no `exit`.
    await this.request("shutdown").catch(() => undefined);
    this.notify("exit");
    const exit = await this.#exited;
    clearTimeout(killTimer);
    return exit;
  }

  /** Kills the worker, which the restart policy treats as a crash. */
  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#worker?.kill(signal);
  }

  /** Signals all processes of a worker with `ownProcessGroup`, as a service manager does. */
  killProcessGroup(signal: NodeJS.Signals): void {
    const pid = this.#worker?.pid;
    if (pid !== undefined && this.#options.ownProcessGroup === true) process.kill(-pid, signal);
  }

  #countRefresh(uri: string, difference: 1 | -1): void {
    const count = (this.#refreshing.get(uri) ?? 0) + difference;
    if (count > 0) this.#refreshing.set(uri, count);
    else this.#refreshing.delete(uri);
    this.emit("refreshing");
  }

  async #launch(): Promise<void> {
    const { folder, command, args, settingsArgument, hostPidArgument } = this.manifest;
    const { hostPid = process.pid, extraArgs = [], env, settingsPath } = this.#options;
    const launchArgs = [
      ...args,
      settingsArgument,
      resolve(settingsPath),
      ...(hostPid === null ? [] : [hostPidArgument, String(hostPid)]),
      ...extraArgs,
    ];
    const launchedAt = Date.now();
    const worker = spawn(this.#options.command ?? command, launchArgs, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: this.#options.ownProcessGroup ?? false,
      windowsHide: true,
    });
    await new Promise((resolveSpawn, reject) => {
      worker.once("spawn", resolveSpawn);
      worker.once("error", reject);
    });
    this.#attach(worker, launchedAt);
  }

  #attach(worker: ChildProcessWithoutNullStreams, launchedAt: number): void {
    const toWorker = new PassThrough();
    toWorker.on("data", (chunk: Buffer) => this.transcript.record("stdin", chunk));
    toWorker.pipe(worker.stdin);
    worker.stdin.on("error", () => undefined);
    worker.stdout.on("data", (chunk: Buffer) => this.transcript.record("stdout", chunk));
    worker.stderr.on("data", (chunk: Buffer) => this.transcript.record("stderr", chunk));
    const stderrLines = createInterface({ input: worker.stderr });
    stderrLines.on("line", (line) => this.emit("stderrLine", line));
    const rpc = new JsonRpcClient(worker.stdout, toWorker);
    rpc.onNotification = (method, params) => this.emit("notification", method, params);
    rpc.onProtocolError = (error) => this.emit("protocolError", error);
    this.#worker = worker;
    this.#rpc = rpc;
    this.#exited = new Promise((resolveExit) => {
      worker.once("close", (code, signal) => {
        rpc.close(new Error(`The worker has exited (${signal ?? String(code)}).`));
        this.#worker = null;
        this.#rpc = null;
        this.emit("exit", { code, signal });
        resolveExit({ code, signal });
        if (code !== 0) this.#scheduleRestart(Date.now() - launchedAt);
      });
    });
  }

  /** Further failures use the last delay of the manifest. */
  #scheduleRestart(ranForMs: number): void {
    const { policy, delaysSeconds } = this.manifest.restart;
    if (this.#stopping || this.#options.restart === false || policy !== "on-failure") return;
    if (ranForMs >= STABLE_AFTER_MS) this.#failures = 0;
    const delaySeconds = delaysSeconds[Math.min(this.#failures, delaysSeconds.length - 1)] ?? 1;
    const attempt = ++this.#failures;
    this.#relaunch = setTimeout(() => {
      this.#launch().then(
        () => this.emit("restart", { attempt, delaySeconds }),
        () => this.#scheduleRestart(0),
      );
    }, delaySeconds * 1000);
  }
}

function readManifest(path: string): WorkerManifest {
  const manifest = JSON.parse(readFileSync(path, "utf8")) as {
    manifestVersion?: unknown;
    worker?: Omit<WorkerManifest, "folder"> & { transport: string; framing: string };
  };
  const { worker } = manifest;
  if (manifest.manifestVersion !== 1 || !worker) {
    throw new Error(`${path} is not a plugin manifest of version 1.`);
  }
  const { transport, framing } = worker;
  if (transport !== "stdio" || framing !== "content-length") {
    throw new Error(
      `${path} requires ${transport} and ${framing}; this host supports stdio and content-length.`,
    );
  }
  const folder = dirname(resolve(path));
  return { ...worker, folder, command: resolveCommand(worker.command, folder) };
}

/**
 * A command with a slash is a path relative to the manifest's folder. It is made absolute, because
 * operating systems differ in whether they look for a relative one in the current folder of the
 * host or in that of the new process.
 */
function resolveCommand(command: string, folder: string): string {
  return command.includes("/") ? resolve(folder, command) : command;
}
