import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { productDirectory } from "../platform/installation.js";
import { FrameParser } from "../platform/json-rpc/framing.js";

export interface WorkerLaunch {
  readonly settingsPath: string;
  readonly secretStore: "keychain" | "memory";
  readonly logDirectory: string;
}

interface PendingCall {
  resolve(result: unknown): void;
  reject(error: Error): void;
}
interface Incoming {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

const STOP_TIMEOUT_MS = 2_000;

/** A worker launched as a host launches it, and what a host says to it: JSON-RPC with `Content-Length` framing over its stdio. */
export class WorkerClient {
  readonly #worker: ChildProcessWithoutNullStreams;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #lastStderrLine = "";
  #isStopping = false;
  onNotification: (method: string, params: unknown) => void = () => undefined;
  /** Resolves when the process is gone: null where it was asked to end, else a sentence that says how. */
  readonly ended: Promise<string | null>;

  constructor({ settingsPath, secretStore, logDirectory }: WorkerLaunch) {
    const program = join(productDirectory, "dist", "worker.cjs");
    const args = [
      program,
      "--settings",
      settingsPath,
      "--host-pid",
      String(process.pid),
      "--log-dir",
      logDirectory,
    ];
    const worker = spawn(
      process.execPath,
      [...args, "--secret-store", secretStore, "--log-level", "warn"],
      {
        stdio: "pipe",
        windowsHide: true,
      },
    );
    this.#worker = worker;
    const parser = new FrameParser({
      body: (bytes) => this.#handleMessage(JSON.parse(bytes.toString("utf8")) as Incoming),
      invalid: (reason) =>
        this.#fail(`The worker wrote something that is not the protocol: ${reason}.`),
    });
    worker.stdout.on("data", (chunk: Buffer) => parser.push(chunk));
    createInterface({ input: worker.stderr }).on(
      "line",
      (line) => void (this.#lastStderrLine = line),
    );
    // Writing to a worker that has just died is no news: its end is.
    worker.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      const handleEnd = (reason: string): void => {
        this.#rejectAll(new Error(reason));
        resolve(this.#isStopping ? null : reason);
      };
      worker.once("error", ({ message }) =>
        handleEnd(`The worker could not be launched: ${message}`),
      );
      worker.once("close", (code, signal) =>
        handleEnd(
          `The worker has ended (${signal ?? `code ${code ?? "unknown"}`}). ${this.#lastStderrLine}`.trim(),
        ),
      );
    });
  }

  /** Rejects with an Error whose message names the method where the worker refuses, or has ended. */
  request<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, {
        resolve: (result) => resolve(result as T),
        reject: (error) => reject(new Error(`${method}: ${error.message}`, { cause: error })),
      });
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** Ends the worker as a host does, by force when it takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const killTimer = setTimeout(() => this.#worker.kill("SIGKILL"), STOP_TIMEOUT_MS);
    this.#send({ jsonrpc: "2.0", id: ++this.#lastId, method: "shutdown" });
    this.#send({ jsonrpc: "2.0", method: "exit" });
    await this.ended;
    clearTimeout(killTimer);
  }

  #send(message: object): void {
    const body = JSON.stringify(message);
    this.#worker.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #handleMessage({ id, method, params, result, error }: Incoming): void {
    if (method !== undefined) {
      this.onNotification(method, params);
      return;
    }
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined;
    this.#pending.delete(id as number);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(error.message));
  }

  #fail(reason: string): void {
    this.#lastStderrLine = reason;
    this.#worker.kill("SIGKILL");
  }

  #rejectAll(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}
