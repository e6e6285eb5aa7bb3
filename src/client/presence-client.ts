import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

import type { Subscribable } from "../faults/emitter.js";
import { RpcConnection } from "./connection.js";
import { ClientError } from "./errors.js";
import { launchError, spawnWorker, type LaunchOptions } from "./launch.js";
import { ListenerEmitter } from "./listener-emitter.js";
import { readManifest, type WorkerManifest } from "./manifest.js";
import type {
  MethodName,
  NotificationParams,
  PresenceRecord,
  RequestParams,
  RequestResults,
} from "./protocol.js";
import { refreshPresence, type RefreshedPresence, type RefreshOptions } from "./refresh.js";
import { RestartPolicy, type Restart } from "./restart-policy.js";
import { LiveSubscription, type Subscription, type SubscriptionTarget } from "./subscription.js";

export interface PresenceClientOptions extends LaunchOptions {
  /** The path of the plugin.manifest.json that describes the worker. */
  readonly manifestPath: string;
  /** Sent as `initialize` after each launch. Without it, nothing is sent. */
  readonly introduction?: HostIntroduction;
  /** Whether to apply the manifest's restart policy. Default: true. */
  readonly restart?: boolean;
  /** Called with all bytes on the worker's pipes, for example to record them. */
  readonly trace?: (stream: "stdin" | "stdout" | "stderr", bytes: Uint8Array) => void;
}

/** What a host says of itself in `initialize`. */
export type HostIntroduction = Omit<RequestParams["initialize"], "protocolVersion">;

export interface WorkerExit {
  /** Null if a signal ended the process. */
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ClientEvents {
  readonly presenceChanged: NotificationParams["presence/changed"];
  readonly authorizationChanged: NotificationParams["authorization/changed"];
  readonly statusChanged: NotificationParams["worker/statusChanged"];
  /** Any notification, also one that this version of the client does not know. */
  readonly notified: { readonly method: string; readonly params: unknown };
  /** `refreshing` has changed. */
  readonly refreshingChanged: undefined;
  /** A line of the worker's log. */
  readonly stderrLine: string;
  /** The process has ended; `restart` tells when the next one is launched, null: it is not. */
  readonly exited: WorkerExit & { readonly restart: Restart | null };
  /** The worker was launched after a failure. */
  readonly restarted: Restart;
  /** A launch after a failure has failed itself; the next one follows. */
  readonly launchFailed: ClientError;
  /** The worker violated the protocol. If what follows cannot be read, it is killed. */
  readonly protocolError: Error;
}

export interface RequestOptions {
  /**
   * Sends `$/cancelRequest` when it is aborted. The worker then responds with -32800, or with the
   * result if it has it already.
   */
  readonly signal?: AbortSignal;
}

export interface StopOptions {
  /** Default: 5000. */
  readonly timeoutMs?: number;
}

/** Parameters may be left out if no member of them is required. */
export type RequestArguments<M extends MethodName> =
  // eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- it is meant
  Record<never, never> extends RequestParams[M]
    ? [params?: RequestParams[M], options?: RequestOptions]
    : [params: RequestParams[M], options?: RequestOptions];

/** The newest version of the protocol that this client speaks. */
const PROTOCOL_VERSION = "1.1";
const STOP_TIMEOUT_MS = 5_000;
/** How long the rest of a worker's output is read after its exit. */
const OUTPUT_TIMEOUT_MS = 1_000;

interface Run {
  readonly child: ChildProcessWithoutNullStreams;
  readonly connection: RpcConnection;
  readonly subscriptions: Map<string, LiveSubscription>;
}

/** Launches a worker from its manifest as a host does, talks to it, and restarts it. */
export class PresenceClient {
  readonly manifest: WorkerManifest;
  readonly #options: PresenceClientOptions;
  readonly #events = new ListenerEmitter<ClientEvents>();
  readonly #restarts: RestartPolicy;
  readonly #subscriptions = new Set<LiveSubscription>();
  /** The number of refreshes under way for each address. */
  readonly #refreshing = new Map<string, number>();
  #run: Run | null = null;
  #exited: Promise<WorkerExit> = Promise.resolve({ code: null, signal: null });
  #restartTimer: NodeJS.Timeout | null = null;
  /** From `stop` to the next `start`. */
  #isStopping = false;
  #stopCount = 0;

  /** Throws a `ClientError` for a manifest that cannot be launched. */
  constructor(options: PresenceClientOptions) {
    this.#options = options;
    this.manifest = readManifest(options.manifestPath);
    this.#restarts = new RestartPolicy(this.manifest.restart);
  }

  get events(): Subscribable<ClientEvents> {
    return this.#events;
  }

  /** The worker's process id, or null if it is not running. */
  get pid(): number | null {
    return this.#run?.child.pid ?? null;
  }

  /** @internal The running process, for tests that use its pipes. */
  get child(): ChildProcessWithoutNullStreams | null {
    return this.#run?.child ?? null;
  }

  /** The addresses with a refresh under way: a console marks them as being checked. */
  get refreshing(): ReadonlySet<string> {
    return new Set(this.#refreshing.keys());
  }

  /**
   * Launches the worker, unless it is running. Resolves when its process exists, which accepts
   * requests immediately, and when it has answered `introduction`. Waits for a worker that is being
   * stopped. Rejects with a `ClientError`, `launchFailed`, or as `request`.
   */
  async start(): Promise<void> {
    if (this.#isStopping && this.#run !== null) {
      const stopCount = this.#stopCount;
      await this.#exited;
      if (this.#stopCount !== stopCount) throw notRunning();
    }
    this.#isStopping = false;
    this.#cancelRestart();
    if (this.#run === null) await this.#launch();
  }

  /**
   * Stops the worker with `shutdown` and `exit`, and kills it after `timeoutMs`. It is not
   * restarted. Idempotent.
   */
  async stop(options: StopOptions = {}): Promise<WorkerExit> {
    const { timeoutMs = STOP_TIMEOUT_MS } = options;
    this.#isStopping = true;
    this.#stopCount += 1;
    this.#cancelRestart();
    if (this.#run === null) return this.#exited;
    const { child, connection } = this.#run;
    const killTimer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    // A worker that exits during the shutdown needs no `exit`.
    await connection.request("shutdown").catch(() => undefined);
    connection.notify("exit");
    const exit = await this.#exited;
    clearTimeout(killTimer);
    return exit;
  }

  /** Kills the worker, which the restart policy treats as a crash. */
  kill(signal = "SIGKILL"): void {
    this.#run?.child.kill(signal as NodeJS.Signals);
  }

  /** Resolves when the current process has exited. */
  exited(): Promise<WorkerExit> {
    return this.#exited;
  }

  /**
   * Calls a method (docs/protocol.md). Rejects with an `RpcError` for an error response, and with a
   * `ClientError`, `notRunning` or `workerExited`, without a worker.
   */
  async request<M extends MethodName>(
    method: M,
    ...args: RequestArguments<M>
  ): Promise<RequestResults[M]> {
    const [params, { signal } = {}] = args;
    return (await this.#running().connection.request(method, params, signal)) as RequestResults[M];
  }

  notify(method: string, params?: object): void {
    this.#run?.connection.notify(method, params);
  }

  /**
   * Subscribes to presence, across restarts of the worker. Resolves with the present state, and
   * rejects like `request`.
   */
  async subscribe(target: SubscriptionTarget): Promise<Subscription> {
    const run = this.#running();
    const subscription = new LiveSubscription(target, (each) => this.#unsubscribe(each));
    const records = await this.#establish(run, subscription);
    // The response may have been the last that this worker wrote.
    if (this.#run !== run) throw exitError(await this.#exited);
    subscription.apply(records);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * Asks for somebody's presence as Webex has it at the moment of a decision, such as before a
   * transfer. Meanwhile, a console keeps showing the state that it has, marked by `refreshing`.
   * Rejects like `request`, but not if Webex cannot answer: the record is then not fresh.
   */
  async refresh(uri: string, options: RefreshOptions = {}): Promise<RefreshedPresence> {
    const { signal } = options;
    this.#countRefresh(uri, 1);
    try {
      return await refreshPresence(
        (params) =>
          this.request("presence/get", { uri, ...params }, signal === undefined ? {} : { signal }),
        options,
      );
    } finally {
      this.#countRefresh(uri, -1);
    }
  }

  #running(): Run {
    if (this.#run !== null) return this.#run;
    throw notRunning();
  }

  #countRefresh(uri: string, difference: 1 | -1): void {
    const count = (this.#refreshing.get(uri) ?? 0) + difference;
    if (count > 0) this.#refreshing.set(uri, count);
    else this.#refreshing.delete(uri);
    this.#events.emit("refreshingChanged");
  }

  /** The process exists when the first part of this function, before it awaits, has run. */
  async #launch(): Promise<void> {
    const child = spawnWorker(this.manifest, this.#options);
    if (child.pid === undefined) throw await launchError(child, this.manifest);
    const run = this.#attach(child);
    const introduced = this.#introduce(run);
    for (const subscription of this.#subscriptions) void this.#renew(run, subscription);
    await introduced;
  }

  #attach(child: ChildProcessWithoutNullStreams): Run {
    const { trace } = this.#options;
    const launchedAt = performance.now();
    if (trace !== undefined) {
      child.stdout.on("data", (chunk: Buffer) => trace("stdout", chunk));
      child.stderr.on("data", (chunk: Buffer) => trace("stderr", chunk));
    }
    const connection = new RpcConnection(
      child.stdout,
      child.stdin,
      trace === undefined ? {} : { onWrite: (bytes) => trace("stdin", bytes) },
    );
    // Read also if nobody listens: a full pipe would block the worker's log.
    createInterface({ input: child.stderr }).on("line", (line) => {
      this.#events.emit("stderrLine", line);
    });
    const run: Run = { child, connection, subscriptions: new Map() };
    connection.events.on("notified", ({ method, params }) => {
      this.#handleNotification(run, method, params);
    });
    connection.events.on("protocolError", ({ error, isFatal }) => {
      if (isFatal) child.kill("SIGKILL");
      this.#events.emit("protocolError", error);
    });
    this.#run = run;
    // A signal that could not be sent, for example; the exit is what counts.
    child.on("error", () => undefined);
    // Another process may have inherited the pipes, and keep them open.
    let outputTimer: NodeJS.Timeout | undefined;
    child.once("exit", () => {
      outputTimer = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, OUTPUT_TIMEOUT_MS);
    });
    this.#exited = new Promise((resolveExit) => {
      child.once("close", (code, signal) => {
        clearTimeout(outputTimer);
        void connection.close(exitError({ code, signal })).then(() => {
          const restart = this.#prepareRestart(code, performance.now() - launchedAt);
          resolveExit({ code, signal });
          this.#tellExit({ code, signal, restart });
        });
      });
    });
    return run;
  }

  async #introduce({ connection }: Run): Promise<void> {
    const { introduction } = this.#options;
    if (introduction === undefined) return;
    await connection.request("initialize", { protocolVersion: PROTOCOL_VERSION, ...introduction });
  }

  #handleNotification(run: Run, method: string, params: unknown): void {
    this.#events.emit("notified", { method, params });
    switch (method as keyof NotificationParams) {
      case "presence/changed": {
        const changed = params as NotificationParams["presence/changed"];
        try {
          for (const id of changed.subscriptionIds)
            run.subscriptions.get(id)?.apply(changed.changes);
        } catch (cause) {
          this.#events.emit("protocolError", new Error(`Cannot read ${method}.`, { cause }));
          break;
        }
        this.#events.emit("presenceChanged", changed);
        break;
      }
      case "authorization/changed":
        this.#events.emit("authorizationChanged", params as ClientEvents["authorizationChanged"]);
        break;
      case "worker/statusChanged":
        this.#events.emit("statusChanged", params as ClientEvents["statusChanged"]);
        break;
    }
  }

  #prepareRestart(code: number | null, ranForMs: number): Restart | null {
    this.#run = null;
    return code === 0 ? null : this.#scheduleRestart(ranForMs);
  }

  #tellExit(exited: ClientEvents["exited"]): void {
    const time = new Date().toISOString();
    for (const subscription of this.#subscriptions) subscription.handleExit(time);
    this.#events.emit("exited", exited);
  }

  #scheduleRestart(ranForMs: number): Restart | null {
    if (this.#isStopping || this.#options.restart === false) return null;
    const restart = this.#restarts.next(ranForMs);
    if (restart === null) return null;
    const relaunch = (): void => void this.#relaunch(restart);
    this.#restartTimer = setTimeout(relaunch, restart.delaySeconds * 1000);
    return restart;
  }

  async #relaunch(restart: Restart): Promise<void> {
    this.#restartTimer = null;
    const launched = this.#launch();
    if (this.#run !== null) this.#events.emit("restarted", restart);
    const failure = await launched.catch((error: unknown) => error as Error);
    if (!(failure instanceof Error)) return;
    if (!(failure instanceof ClientError)) this.#events.emit("protocolError", failure);
    else if (failure.code === "launchFailed" && this.#run === null) {
      this.#scheduleRestart(0);
      this.#events.emit("launchFailed", failure);
    }
  }

  #cancelRestart(): void {
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    this.#restartTimer = null;
  }

  async #establish(run: Run, subscription: LiveSubscription): Promise<readonly PresenceRecord[]> {
    const response = await run.connection.request("presence/subscribe", subscription.target);
    const { subscriptionId, records } = response as RequestResults["presence/subscribe"];
    run.subscriptions.set(subscriptionId, subscription);
    return records;
  }

  /** After a restart. If the worker exits meanwhile, the next restart renews it. */
  async #renew(run: Run, subscription: LiveSubscription): Promise<void> {
    try {
      const records = await this.#establish(run, subscription);
      if (this.#run !== run) return;
      if (this.#subscriptions.has(subscription)) subscription.apply(records);
      else await this.#unsubscribe(subscription);
    } catch (error) {
      if (this.#run !== run || error instanceof ClientError) return;
      subscription.events.emit("failed", error as Error);
    }
  }

  async #unsubscribe(subscription: LiveSubscription): Promise<void> {
    this.#subscriptions.delete(subscription);
    const run = this.#run;
    if (run === null) return;
    const ids = [...run.subscriptions].filter(([, each]) => each === subscription);
    for (const [subscriptionId] of ids) {
      run.subscriptions.delete(subscriptionId);
      await run.connection
        .request("presence/unsubscribe", { subscriptionId })
        .catch((error: unknown) => {
          // With the worker, the subscription ends, too.
          if (!(error instanceof ClientError) && !this.#isStopping) throw error;
        });
    }
  }
}

function notRunning(): ClientError {
  return new ClientError("notRunning", "The worker is not running, so presence is unknown.");
}

function exitError({ code, signal }: WorkerExit): ClientError {
  const cause = signal ?? `exit code ${String(code)}`;
  return new ClientError(
    "workerExited",
    `The worker has exited (${cause}), so presence is unknown.`,
  );
}
