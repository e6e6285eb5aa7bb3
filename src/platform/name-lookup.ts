import type { ChildProcess } from "node:child_process";
import type { LookupAddress, LookupOptions } from "node:dns";
import type { LookupFunction } from "node:net";

import { lazyChildProcess, lazyDns } from "./lazy-modules.js";

type Answer = readonly [address: string | LookupAddress[], family?: number];

/** With `error`, if the name could not be resolved. */
interface Reply {
  readonly id: number;
  readonly answer?: Answer;
  readonly error?: { readonly message: string } & Readonly<Record<string, unknown>>;
}

// A terminal or a service manager signals the whole process group. Without the child, the worker
// would resolve the pending names itself, and its exit would wait for them. SIGUSR1 would open a
// debugger's port. SIGKILL, because an ordinary exit waits for the lookups in progress.
const CHILD_SCRIPT = `
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"]) process.on(signal, () => {});
const { lookup } = require("node:dns");
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", ({ id, hostname, options }) => {
  lookup(hostname, options, (error, ...answer) => {
    process.send(error ? { id, error: { ...error, message: error.message } } : { id, answer });
  });
});
`;

/**
 * libuv resolves at most half as many names at a time. A request that nobody waits for any more
 * leaves a lookup behind, which lasts until the system's resolver gives up.
 */
const THREADS = 16;
/** A burst of connections, or the next attempt after a failure, finds the child running. */
const IDLE_TIMEOUT_MS = 5_000;

/** What the C library needs to resolve names as it does in this process, and Windows to start. */
const RESOLVER_VARIABLES =
  /^(RES_OPTIONS|LOCALDOMAIN|HOSTALIASES|LD_LIBRARY_PATH|PATH|SystemRoot|windir|TEMP|TMP)$/i;

/**
 * `dns.lookup` in a child process. In the worker's own process, a lookup occupies one of libuv's
 * threads, and Node.js waits for it before it exits: with a resolver that does not respond, for ten
 * seconds and more. The child starts at the first lookup, and ends when idle and with the worker.
 */
export class NameLookup {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #idleTimeoutMs: number;
  readonly #pending = new Map<
    number,
    { resolve(reply: Reply): void; reject(error: Error): void }
  >();
  #child: ChildProcess | null = null;
  #idleTimer: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor(environment: NodeJS.ProcessEnv = process.env, idleTimeoutMs = IDLE_TIMEOUT_MS) {
    this.#environment = environment;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#ask(hostname, options).then(
      ({ answer = [""], error }) => {
        if (error === undefined) callback(null, ...answer);
        else callback(Object.assign(new Error(error.message), error), "");
      },
      // Where no child process can run, presence is worth more than a quick exit.
      () => lazyDns().lookup(hostname, options, callback),
    );
  };

  /** Rejects if the child does not answer. */
  async #ask(hostname: string, options: LookupOptions): Promise<Reply> {
    clearTimeout(this.#idleTimer);
    const child = (this.#child ??= this.#start());
    const id = ++this.#lastId;
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        // The child does not get --dns-result-order, which sets this process' default.
        const order = lazyDns().getDefaultResultOrder();
        child.send({ id, hostname, options: { order, ...options } }, (error) => {
          if (error !== null) reject(error);
        });
      });
    } finally {
      this.#pending.delete(id);
      if (this.#child === child && this.#pending.size === 0)
        this.#idleTimer = setTimeout(() => this.#discard(child), this.#idleTimeoutMs).unref();
    }
  }

  #start(): ChildProcess {
    const variables = Object.entries(this.#environment).filter(([name]) =>
      RESOLVER_VARIABLES.test(name),
    );
    const child = lazyChildProcess().spawn(process.execPath, ["-e", CHILD_SCRIPT], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: { ...Object.fromEntries(variables), UV_THREADPOOL_SIZE: String(THREADS) },
      windowsHide: true,
    });
    child.on("message", (reply: Reply) => this.#pending.get(reply.id)?.resolve(reply));
    child.on("error", () => this.#discard(child));
    child.on("exit", () => this.#discard(child));
    child.unref();
    child.channel?.unref();
    return child;
  }

  #discard(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = null;
    clearTimeout(this.#idleTimer);
    child.kill("SIGKILL");
    for (const pending of this.#pending.values())
      pending.reject(new Error("The process that resolves names has ended."));
    this.#pending.clear();
  }
}

/** The worker's connections share one child. */
export const nameLookup = new NameLookup();
