import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { SoakEvent } from "./messages.js";

/** Longer than a host's process takes to end its worker. */
const STOP_MS = 15_000;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

type Answer =
  | { readonly event: SoakEvent }
  | { readonly id: number; readonly result?: unknown; readonly error?: string };

/** A process of the soak, as its parent sees it: it answers calls and emits events. */
export class SoakProcess {
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, [(value: unknown) => void, (error: Error) => void]>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  onEvent: (event: SoakEvent) => void = () => undefined;

  /** `file` is a compiled module of this folder. */
  constructor(file: string) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.#child = fork(path, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child.on("message", (message) => this.#receive(message as Answer));
    this.#exited = new Promise((resolve) => {
      const end = (problem: string): void => {
        const error = new Error(`${file} ${problem}.`);
        for (const [, reject] of this.#calls.values()) reject(error);
        this.#calls.clear();
        resolve();
      };
      this.#child.once("exit", (code, signal) => end(`has exited (${signal ?? String(code)})`));
      this.#child.once("error", ({ message }) => end(`cannot run: ${message}`));
    });
  }

  call<Result = void>(method: string, params?: unknown): Promise<Result> {
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, [resolve, reject]);
      const call: Call = { id, method, params };
      this.#child.send(call, (error) => {
        if (error) reject(error);
      });
    }).finally(() => this.#calls.delete(id)) as Promise<Result>;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the process, which exits when its parent disconnects, or is killed. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #receive(message: Answer): void {
    if ("event" in message) {
      this.onEvent(message.event);
      return;
    }
    const [resolve, reject] = this.#calls.get(message.id) ?? [];
    if (message.error === undefined) resolve?.(message.result);
    else reject?.(new Error(message.error));
  }
}

export type CallHandlers = Readonly<Record<string, (params: never) => unknown>>;

/** Answers the parent's calls until it disconnects; then `onEnd`, and the process exits. */
export function serveCalls(handlers: CallHandlers, onEnd: () => unknown = () => undefined): void {
  process.on("message", (message) => {
    const { id, method, params } = message as Call;
    Promise.resolve()
      .then(() => handlers[method]?.(params as never))
      .then(
        (result) => send({ id, result }),
        (error: unknown) => send({ id, error: String(error) }),
      );
  });
  process.once("disconnect", () => {
    void Promise.resolve(onEnd()).finally(() => process.exit(0));
  });
}

/** Tells the parent. */
export function emitEvent(event: SoakEvent): void {
  send({ event });
}

/** Without a callback, a parent that has just gone would be an uncaught error (EPIPE). */
function send(answer: Answer): void {
  if (process.connected) process.send?.(answer, () => undefined);
}

const STALL_CHECK_MS = 100;
const STALL_MS = 300;

/** Reports when this process did not run, be it stopped or for want of a processor. */
export function reportStalls(): void {
  let last = Date.now();
  setInterval(() => {
    const now = Date.now();
    if (now - last > STALL_CHECK_MS + STALL_MS) emitEvent({ type: "stall", from: last, to: now });
    last = now;
  }, STALL_CHECK_MS).unref();
}
