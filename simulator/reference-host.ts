import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { JsonRpcClient, type PendingRequest } from "./json-rpc-client.js";
import { readManifest, type WorkerManifest } from "./plugin-manifest.js";
import { Transcript } from "./transcript.js";

export interface ReferenceHostOptions {
  readonly manifestPath: string;
  /** The Presence.ini. */
  readonly settingsPath: string;
  /** After the manifest's own arguments, such as `["--secret-store", "memory"]`. */
  readonly extraArgs?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the manifest's command, for another Node. */
  readonly command?: string;
  /** Instead of this process's id; null leaves the argument out. */
  readonly hostPid?: number | null;
  /** Whether the manifest's restart policy is followed; yes unless said. */
  readonly restart?: boolean;
}

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface HostEvents {
  notification: [method: string, params: unknown];
  stderrLine: [line: string];
  exit: [exit: WorkerExit];
  /** A launch after a failure, `attempt` counting from 1. */
  restart: [restart: { attempt: number; delaySeconds: number }];
  protocolError: [error: Error];
}

const STABLE_AFTER_MS = 60_000;

/** Launches a worker from its manifest, speaks JSON-RPC with it, and launches it again when it fails: what a UCX Presence host does, in small. */
export class ReferenceHost extends EventEmitter<HostEvents> {
  readonly transcript = new Transcript();
  readonly #options: ReferenceHostOptions;
  readonly #manifest: WorkerManifest;
  #worker: ChildProcessWithoutNullStreams | null = null;
  #rpc: JsonRpcClient | null = null;
  #exited: Promise<WorkerExit> = Promise.resolve({ code: null, signal: null });
  #failures = 0;
  #relaunch: NodeJS.Timeout | null = null;
  #stopping = false;

  constructor(options: ReferenceHostOptions) {
    super();
    this.#options = options;
    this.#manifest = readManifest(options.manifestPath);
  }

  get manifest(): WorkerManifest {
    return this.#manifest;
  }

  /** The worker's process id, or null while none runs. */
  get pid(): number | null {
    return this.#worker?.pid ?? null;
  }

  /** The streams of the running worker, for tests that write what no client would. */
  get stdin(): NodeJS.WritableStream | null {
    return this.#worker?.stdin ?? null;
  }

  /** Launches the worker; resolves when the process is there, which says nothing about its readiness: it answers from its first moment. */
  async start(): Promise<void> {
    this.#stopping = false;
    await this.#launch();
  }

  request(method: string, params?: object): PendingRequest {
    if (this.#rpc) return this.#rpc.request(method, params);
    return Object.assign(Promise.reject(new Error("The worker is not running.")), {
      cancel: () => undefined,
    });
  }

  notify(method: string, params?: object): void {
    this.#rpc?.notify(method, params);
  }

  /** The next notification of a method that `accepts` takes; rejects after `timeoutMs`. */
  nextNotification(
    method: string,
    matches: (params: unknown) => boolean = () => true,
    timeoutMs = 10_000,
  ): Promise<unknown> {
    return new Promise((resolveExit, reject) => {
      const listener = (name: string, params: unknown): void => {
        if (name !== method || !matches(params)) return;
        clearTimeout(deadline);
        this.off("notification", listener);
        resolveExit(params);
      };
      const deadline = setTimeout(() => {
        this.off("notification", listener);
        reject(new Error(`No ${method} came within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.on("notification", listener);
    });
  }

  /** The end of the process that runs now. */
  exited(): Promise<WorkerExit> {
    return this.#exited;
  }

  /** Ends the worker in order: `shutdown`, `exit`, and by force when it has not gone after `timeoutMs`. No restart follows. */
  async shutdown(timeoutMs = 5000): Promise<WorkerExit> {
    this.#stopping = true;
    if (this.#relaunch) clearTimeout(this.#relaunch);
    const worker = this.#worker;
    if (!worker) return this.#exited;
    const force = setTimeout(() => worker.kill("SIGKILL"), timeoutMs);
    // A worker that dies during the goodbye has said it, too.
    await this.request("shutdown").catch(() => undefined);
    this.notify("exit");
    const exit = await this.#exited;
    clearTimeout(force);
    return exit;
  }

  /** Kills the worker, as a crash would; the restart policy sees it as one. */
  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#worker?.kill(signal);
  }

  async #launch(): Promise<void> {
    const { folder, command, args, settingsArgument, hostPidArgument } = this.#manifest;
    const hostPid = this.#options.hostPid === undefined ? process.pid : this.#options.hostPid;
    const launchArgs = [
      ...args,
      settingsArgument,
      resolve(this.#options.settingsPath),
      ...(hostPid === null ? [] : [hostPidArgument, String(hostPid)]),
      ...(this.#options.extraArgs ?? []),
    ];
    const worker = spawn(this.#options.command ?? command, launchArgs, {
      cwd: folder,
      env: { ...process.env, ...this.#options.env },
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
    });
    await new Promise((launched, failed) => {
      worker.once("spawn", launched);
      worker.once("error", failed);
    });
    this.#attach(worker, Date.now());
  }

  #attach(worker: ChildProcessWithoutNullStreams, launchedAt: number): void {
    const toWorker = new PassThrough();
    toWorker.on("data", (chunk: Buffer) => this.transcript.record("stdin", chunk));
    toWorker.pipe(worker.stdin);
    worker.stdin.on("error", () => undefined);
    worker.stdout.on("data", (chunk: Buffer) => this.transcript.record("stdout", chunk));
    worker.stderr.on("data", (chunk: Buffer) => this.transcript.record("stderr", chunk));
    createInterface({ input: worker.stderr }).on("line", (line) => this.emit("stderrLine", line));
    const rpc = new JsonRpcClient(worker.stdout, toWorker);
    rpc.onNotification = (method, params) => this.emit("notification", method, params);
    rpc.onProtocolError = (error) => this.emit("protocolError", error);
    this.#worker = worker;
    this.#rpc = rpc;
    this.#exited = new Promise((resolveExit) => {
      worker.once("close", (code, signal) => {
        rpc.close(new Error(`The worker has ended (${signal ?? String(code)}).`));
        this.#worker = null;
        this.#rpc = null;
        this.emit("exit", { code, signal });
        resolveExit({ code, signal });
        if (code !== 0) this.#scheduleRestart(Date.now() - launchedAt);
      });
    });
  }

  /** The last delay is kept for every further failure; a worker that ran for a minute starts from the first one again. */
  #scheduleRestart(ranForMs: number): void {
    const { policy, delaysSeconds } = this.#manifest.restart;
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
