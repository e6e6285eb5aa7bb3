import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Emitter } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import { productDirectory } from "../platform/node-process.js";
import { FrameParser } from "../platform/json-rpc/framing.js";
import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";

interface WorkerClientEvents {
  readonly presenceChanged: { readonly changes: readonly PresenceRecord[] };
  readonly statusChanged: WorkerStatus;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface PendingRequest {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

const STOP_TIMEOUT_MS = 2_000;
const EXIT_HINT = "To check the settings and the system, run: ucx-webex-presence doctor";

/** Launches a worker as a host does, and talks JSON-RPC to it over stdio. */
export class WorkerClient {
  readonly events = new Emitter<WorkerClientEvents>();
  /** Rejects with a Fault if the worker exits without being stopped; never resolves. */
  readonly failed: Promise<never>;
  readonly #worker: ChildProcessWithoutNullStreams;
  readonly #pending = new Map<number | undefined, PendingRequest>();
  readonly #ended: Promise<Fault>;
  #endFault: Fault | null = null;
  #lastId = 0;
  #lastStderrLine = "";
  #isStopping = false;

  /** `script` is the worker's; by default, the one of this installation. */
  constructor(
    settingsPath: string,
    secretStore: "keychain" | "memory",
    logDirectory: string,
    script = join(productDirectory, "dist", "worker.cjs"),
  ) {
    const options = {
      "--settings": settingsPath,
      "--host-pid": String(process.pid),
      "--log-dir": logDirectory,
      "--log-level": "warn",
      "--secret-store": secretStore,
    };
    const worker = spawn(process.execPath, [script, ...Object.entries(options).flat()], {
      stdio: "pipe",
      windowsHide: true,
    });
    this.#worker = worker;
    const reject = (reason: string): void => {
      this.#lastStderrLine = `Its output is not valid JSON-RPC: ${reason}.`;
      worker.kill("SIGKILL");
    };
    const parser = new FrameParser({
      body: (bytes) => {
        const message = parseMessage(bytes);
        if (message === null) reject("a body is not JSON");
        else this.#handleMessage(message);
      },
      invalid: reject,
    });
    worker.stdout.on("data", (chunk: Buffer) => parser.push(chunk));
    createInterface({ input: worker.stderr }).on("line", (line) => (this.#lastStderrLine = line));
    // A failed write means that the worker has exited, which is reported below.
    worker.stdin.on("error", () => undefined);

    this.#ended = new Promise((resolve) => {
      const end = (message: string): void =>
        resolve(new Fault("defect", message.trim(), { hint: EXIT_HINT }));
      worker.once("error", ({ message }) => end(`The worker could not be launched: ${message}`));
      worker.once("close", (code, signal) => {
        const exit = signal ?? `exit code ${code ?? "unknown"}`;
        end(`The worker has exited unexpectedly (${exit}). ${this.#lastStderrLine}`);
      });
    });
    this.failed = this.#ended.then((fault) => {
      this.#endFault = fault;
      for (const { reject } of this.#pending.values()) reject(fault);
      this.#pending.clear();
      if (!this.#isStopping) throw fault;
      return new Promise(() => undefined);
    });
    this.failed.catch(() => undefined);
  }

  /** Rejects with an Error if the worker returns one, with a Fault if it exits. */
  request<T>(method: string, params: object = {}): Promise<T> {
    if (this.#endFault !== null) return Promise.reject(this.#endFault);
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { method, resolve: (result) => resolve(result as T), reject });
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** Stops the worker as a host does, and kills it if it takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const killTimer = setTimeout(() => this.#worker.kill("SIGKILL"), STOP_TIMEOUT_MS);
    this.#send({ jsonrpc: "2.0", id: ++this.#lastId, method: "shutdown" });
    this.#send({ jsonrpc: "2.0", method: "exit" });
    await this.#ended;
    clearTimeout(killTimer);
  }

  #send(message: object): void {
    const body = JSON.stringify(message);
    this.#worker.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #handleMessage({ id, method, params, result, error }: Message): void {
    if (method === "presence/changed")
      this.events.emit("presenceChanged", params as WorkerClientEvents["presenceChanged"]);
    else if (method === "worker/statusChanged")
      this.events.emit("statusChanged", params as WorkerStatus);
    const request = this.#pending.get(id);
    if (request === undefined) return;
    this.#pending.delete(id);
    if (error === undefined) request.resolve(result);
    else request.reject(new Error(`${request.method}: ${error.message}`));
  }
}

function parseMessage(bytes: Buffer): Message | null {
  try {
    return JSON.parse(bytes.toString("utf8")) as Message | null;
  } catch {
    return null;
  }
}
