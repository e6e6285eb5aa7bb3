import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { EventEmitter } from "node:events";
import type { Readable } from "node:stream";

import {
  type HostIntroduction,
  PresenceClient,
  type PresenceClientOptions,
  type RefreshedPresence,
  type RefreshOptions,
  type RequestOptions,
  type Restart,
  type WorkerExit,
  type WorkerManifest,
} from "../src/client/client.js";
import { Transcript } from "./transcript.js";

export interface ReferenceHostOptions extends Omit<PresenceClientOptions, "args" | "trace"> {
  /** Arguments after those of the manifest, such as `["--secret-store", "memory"]`. */
  readonly extraArgs?: readonly string[];
}

/** `cancel` sends `$/cancelRequest`, to which the worker usually responds with -32800. */
export interface PendingRequest extends Promise<unknown> {
  cancel(): void;
}

interface HostEvents {
  /** `refreshing` has changed. */
  refreshing: [];
  notification: [method: string, params: unknown];
  stderrLine: [line: string];
  exit: [exit: WorkerExit];
  /** The worker was launched after a failure; `attempt` starts at 1. */
  restart: [restart: Restart];
  protocolError: [error: Error];
}

/** The version of the protocol that this host speaks. */
const PROTOCOL_VERSION = "1.1";

/**
 * Does what a UCX Presence host does, by the client of the package, and what tests need beside it:
 * a transcript, methods that do not exist, the pipes, and signals.
 */
export class ReferenceHost extends EventEmitter<HostEvents> {
  readonly transcript = new Transcript();
  readonly #client: PresenceClient;
  readonly #ownsProcessGroup: boolean;

  /** Throws a `ClientError` for a manifest that this host cannot launch. */
  constructor({ extraArgs = [], ...options }: ReferenceHostOptions) {
    super();
    this.#ownsProcessGroup = options.ownProcessGroup ?? false;
    this.#client = new PresenceClient({
      ...options,
      args: extraArgs,
      trace: (stream, bytes) => this.transcript.record(stream, Buffer.from(bytes)),
    });
    const { events } = this.#client;
    events.on("refreshingChanged", () => this.emit("refreshing"));
    events.on("notified", ({ method, params }) => this.emit("notification", method, params));
    events.on("stderrLine", (line) => this.emit("stderrLine", line));
    events.on("exited", ({ code, signal }) => this.emit("exit", { code, signal }));
    events.on("restarted", (restart) => this.emit("restart", restart));
    events.on("protocolError", (error) => this.emit("protocolError", error));
  }

  get manifest(): WorkerManifest {
    return this.#client.manifest;
  }

  /** The worker's process id, or null if it is not running. */
  get pid(): number | null {
    return this.#client.pid;
  }

  /** The running worker's stdin, for tests that write invalid input. */
  get stdin(): NodeJS.WritableStream | null {
    return this.#child?.stdin ?? null;
  }

  /** Its stdout and stderr, for tests that stop reading them, or close them. */
  get outputs(): readonly Readable[] {
    return this.#child === null ? [] : [this.#child.stdout, this.#child.stderr];
  }

  /** Launches the worker. Resolves when its process exists, which accepts requests immediately. */
  start(): Promise<void> {
    return this.#client.start();
  }

  /** Calls any method. Rejects with an `RpcError`, and with a `ClientError` without a worker. */
  request(method: string, params?: object): PendingRequest {
    const controller = new AbortController();
    const request = this.#client.request.bind(this.#client) as (
      method: string,
      params: object | undefined,
      options: RequestOptions,
    ) => Promise<unknown>;
    const response = request(method, params, { signal: controller.signal });
    return Object.assign(response, { cancel: () => controller.abort() });
  }

  /** Tells the worker who its host is. Rejects like `request`. */
  async initialize(
    introduction: HostIntroduction = {},
  ): Promise<{ readonly name: string; readonly version: string }> {
    const params = { protocolVersion: PROTOCOL_VERSION, ...introduction };
    return (await this.#client.request("initialize", params)).worker;
  }

  /** The addresses with a refresh under way: a console marks them as being checked. */
  get refreshing(): ReadonlySet<string> {
    return this.#client.refreshing;
  }

  /** Asks for somebody's presence at the moment of a decision (`PresenceClient`). */
  refresh(uri: string, options?: RefreshOptions): Promise<RefreshedPresence> {
    return this.#client.refresh(uri, options);
  }

  notify(method: string, params?: object): void {
    this.#client.notify(method, params);
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
    return this.#client.exited();
  }

  /**
   * Stops the worker with `shutdown` and `exit`, and kills it after `timeoutMs`. The worker is not
   * restarted.
   */
  shutdown(timeoutMs = 5000): Promise<WorkerExit> {
    return this.#client.stop({ timeoutMs });
  }

  /** Kills the worker, which the restart policy treats as a crash. */
  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#client.kill(signal);
  }

  /** Signals all processes of a worker with `ownProcessGroup`, as a service manager does. */
  killProcessGroup(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid !== null && this.#ownsProcessGroup) process.kill(-pid, signal);
  }

  get #child(): ChildProcessWithoutNullStreams | null {
    return this.#client.child;
  }
}
