import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { productDirectory } from "../platform/installation.js";
import { FrameParser } from "../platform/json-rpc/frame-parser.js";

export interface WorkerLaunch {
  readonly settingsPath: string;
  readonly secretStore: "keychain" | "memory";
  readonly logDirectory: string;
}

interface Waiting {
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

const END_WITHIN_MS = 2_000;

/** A worker launched as a host launches it, and what a host says to it: JSON-RPC with `Content-Length` framing over its stdio. */
export class WorkerClient {
  readonly #worker: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #lastWords = "";
  #ending = false;
  onNotification: (method: string, params: unknown) => void = () => undefined;
  /** Resolves when the process is gone: null where it was asked to end, else a sentence that says how. */
  readonly ended: Promise<string | null>;

  constructor({ settingsPath, secretStore, logDirectory }: WorkerLaunch) {
    const program = join(productDirectory, "dist", "worker.cjs");
    const args = [program, "--settings", settingsPath, "--host-pid", String(process.pid), "--log-dir", logDirectory];
    const worker = spawn(process.execPath, [...args, "--secret-store", secretStore, "--log-level", "warn"], {
      stdio: "pipe",
      windowsHide: true,
    });
    this.#worker = worker;
    const parser = new FrameParser({
      body: (bytes) => this.#take(JSON.parse(bytes.toString("utf8")) as Incoming),
      broken: (why) => this.#give(`The worker wrote something that is not the protocol: ${why}.`),
    });
    worker.stdout.on("data", (chunk: Buffer) => parser.push(chunk));
    createInterface({ input: worker.stderr }).on("line", (line) => void (this.#lastWords = line));
    // Writing to a worker that has just died is no news: its end is.
    worker.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      const over = (how: string): void => {
        this.#rejectAll(new Error(how));
        resolve(this.#ending ? null : how);
      };
      worker.once("error", ({ message }) => over(`The worker could not be launched: ${message}`));
      worker.once("close", (code, signal) =>
        over(`The worker has ended (${signal ?? `code ${code ?? "unknown"}`}). ${this.#lastWords}`.trim()),
      );
    });
  }

  /** Rejects with an Error whose message names the method where the worker refuses, or has ended. */
  request<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, {
        resolve: (result) => resolve(result as T),
        reject: (error) => reject(new Error(`${method}: ${error.message}`, { cause: error })),
      });
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** Ends the worker as a host does, by force when it takes too long. */
  async stop(): Promise<void> {
    this.#ending = true;
    const force = setTimeout(() => this.#worker.kill("SIGKILL"), END_WITHIN_MS);
    this.#send({ jsonrpc: "2.0", id: ++this.#lastId, method: "shutdown" });
    this.#send({ jsonrpc: "2.0", method: "exit" });
    await this.ended;
    clearTimeout(force);
  }

  #send(message: object): void {
    const body = JSON.stringify(message);
    this.#worker.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #take({ id, method, params, result, error }: Incoming): void {
    if (method !== undefined) {
      this.onNotification(method, params);
      return;
    }
    const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
    this.#waiting.delete(id as number);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }

  #give(lastWords: string): void {
    this.#lastWords = lastWords;
    this.#worker.kill("SIGKILL");
  }

  #rejectAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
