import type { ChildProcess } from "node:child_process";

import { lazyChildProcess } from "./lazy-modules.js";

export interface ChildProcessCallsOptions {
  /** CommonJS that defines `call`, a function of the parameters that returns a promise. */
  readonly script: string;
  /** The arguments of the script, determined when the child starts. */
  readonly scriptArguments?: () => readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** The names of the variables that the child gets from `environment`. */
  readonly variables: RegExp;
  readonly addedVariables?: Readonly<Record<string, string>>;
  /** How long the child waits for the next call. */
  readonly idleTimeoutMs?: number;
}

/** `error`: what `call` rejected with, as a plain object. */
export type ChildReply<T> =
  { readonly id: number; readonly value: T } | { readonly id: number; readonly error: ChildError };
export type ChildError = { readonly message: string } & Readonly<Record<string, unknown>>;

interface PendingCall {
  resolve(reply: ChildReply<unknown>): void;
  reject(error: Error): void;
}

/** A burst of calls, or the next attempt after a failure, finds the child running. */
const IDLE_TIMEOUT_MS = 5_000;

// A terminal or a service manager signals the whole process group, and the worker may still need
// the child before it exits. SIGUSR1 would open a debugger's port. SIGKILL, because an ordinary
// exit waits for libuv's threads, in which a call may hang.
const SCRIPT_START = `
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"]) process.on(signal, () => {});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
`;
const SCRIPT_END = `
process.on("message", ({ id, parameters }) => {
  call(...parameters).then(
    (value) => process.send({ id, value: value ?? null }),
    (error) => process.send({ id, error: { ...error, message: String(error.message) } }),
  );
});
`;

/**
 * Calls of a function in a child process of the same Node.js, for libraries whose calls may hang or
 * crash: in the worker's own process, a hanging one would keep it from exiting. The child starts at
 * the first call, and ends when idle, when discarded and with the worker.
 */
export class ChildProcessCalls {
  readonly #options: ChildProcessCallsOptions;
  readonly #pending = new Map<number, PendingCall>();
  #child: ChildProcess | null = null;
  #idleTimer: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor(options: ChildProcessCallsOptions) {
    this.#options = options;
  }

  /** Rejects if the child does not reply. */
  async call<T>(parameters: readonly unknown[]): Promise<ChildReply<T>> {
    clearTimeout(this.#idleTimer);
    const child = (this.#child ??= this.#start());
    const id = ++this.#lastId;
    try {
      const reply = await new Promise<ChildReply<unknown>>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        child.send({ id, parameters }, (error) => {
          if (error !== null) reject(error);
        });
      });
      return reply as ChildReply<T>;
    } finally {
      this.#pending.delete(id);
      if (this.#child === child && this.#pending.size === 0)
        this.#idleTimer = setTimeout(
          () => this.discard(),
          this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
        ).unref();
    }
  }

  /** Ends the child, and rejects the calls that wait for it. The next call starts another one. */
  discard(reason = new Error("The child process was terminated.")): void {
    const child = this.#child;
    this.#child = null;
    clearTimeout(this.#idleTimer);
    child?.kill("SIGKILL");
    for (const pending of this.#pending.values()) pending.reject(reason);
    this.#pending.clear();
  }

  #start(): ChildProcess {
    const { script, scriptArguments, environment, variables, addedVariables } = this.#options;
    const code = SCRIPT_START + script + SCRIPT_END;
    const kept = Object.entries(environment).filter(([name]) => variables.test(name));
    const child = lazyChildProcess().spawn(
      process.execPath,
      ["-e", code, ...(scriptArguments?.() ?? [])],
      {
        stdio: ["ignore", "ignore", "ignore", "ipc"],
        env: { ...Object.fromEntries(kept), ...addedVariables },
        windowsHide: true,
      },
    );
    const discard = (reason: Error): void => {
      if (this.#child === child) this.discard(reason);
    };
    child.on("message", (reply: ChildReply<unknown>) => {
      this.#pending.get(reply.id)?.resolve(reply);
    });
    child.on("error", discard);
    child.on("exit", () => discard(new Error("The child process ended.")));
    child.unref();
    child.channel?.unref();
    return child;
  }
}
