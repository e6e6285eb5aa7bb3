import { join } from "node:path";

import {
  ClientError,
  type ClientEvents,
  type MethodName,
  PresenceClient,
  type RefreshedPresence,
  type RequestArguments,
  type RequestResults,
  RpcError,
} from "../client/client.js";
import type { Subscribable } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import { productDirectory } from "../platform/node-process.js";

const STOP_TIMEOUT_MS = 2_000;
const EXIT_HINT = "To check the settings and the system, run: ucx-webex-presence doctor";

/** A worker that a command launches as a host does, for as long as the command runs. */
export class WorkerClient {
  readonly events: Subscribable<ClientEvents>;
  /** Rejects with a Fault if the worker exits without being stopped; never resolves. */
  readonly failed: Promise<never>;
  readonly #client: PresenceClient;
  readonly #ended: Promise<Fault>;
  #lastStderrLine = "";
  #isStopping = false;

  /** `manifestPath` is that of this installation by default. */
  constructor(
    settingsPath: string,
    secretStore: "keychain" | "memory",
    logDirectory: string,
    manifestPath = join(productDirectory, "plugin.manifest.json"),
  ) {
    this.#client = new PresenceClient({
      manifestPath,
      settingsPath,
      command: process.execPath,
      args: ["--log-dir", logDirectory, "--log-level", "warn", "--secret-store", secretStore],
      restart: false,
    });
    this.events = this.#client.events;
    this.events.on("stderrLine", (line) => (this.#lastStderrLine = line));
    this.events.on("protocolError", ({ message }) => (this.#lastStderrLine = message));
    this.#ended = this.#launch();
    this.failed = this.#ended.then((fault) => {
      if (!this.#isStopping) throw fault;
      return new Promise(() => undefined);
    });
    this.failed.catch(() => undefined);
  }

  /** Rejects with an Error if the worker returns one, with a Fault if it exits. */
  async request<M extends MethodName>(
    method: M,
    ...args: RequestArguments<M>
  ): Promise<RequestResults[M]> {
    return this.#client
      .request(method, ...args)
      .catch((error: unknown) => this.#reject(method, error));
  }

  /** As `PresenceClient.refresh`; rejects as `request` does. */
  async refresh(uri: string, maxWaitMs: number): Promise<RefreshedPresence> {
    return this.#client
      .refresh(uri, { maxWaitMs })
      .catch((error: unknown) => this.#reject("presence/get", error));
  }

  /** Stops the worker as a host does, and kills it if it takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#client.stop({ timeoutMs: STOP_TIMEOUT_MS });
  }

  async #reject(method: MethodName, error: unknown): Promise<never> {
    if (error instanceof RpcError) throw new Error(`${method}: ${error.message}`, { cause: error });
    throw error instanceof ClientError ? await this.#ended : error;
  }

  /** Resolves when the worker has exited, or could not be launched. */
  async #launch(): Promise<Fault> {
    try {
      await this.#client.start();
    } catch (error) {
      return new Fault("defect", (error as Error).message, { hint: EXIT_HINT });
    }
    const { code, signal } = await this.#client.exited();
    const exit = signal ?? `exit code ${code ?? "unknown"}`;
    const message = `The worker has exited unexpectedly (${exit}). ${this.#lastStderrLine}`;
    return new Fault("defect", message.trim(), { hint: EXIT_HINT });
  }
}
