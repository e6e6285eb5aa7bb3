import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";

import { Fault } from "../faults/fault.js";
import { problemFault } from "../faults/problem-catalog.js";
import type { ProcessPort } from "../ports/process.js";
import { continueReading, stopReading } from "./reading-stops.js";

/** An account's keychain. Messages name the account: another account has another keychain. */
export type KeychainAccount = Pick<ProcessPort, "account" | "platform">;

/** keytar could not be loaded. */
export class KeytarLoadError extends Error {
  override readonly name = "KeytarLoadError";
}

type Keytar = typeof import("keytar");

/** The safe functions of keytar. (`findCredentials` ends the process if the keyring is locked.) */
export interface KeytarBinding {
  readonly getPassword: Keytar["getPassword"];
  readonly setPassword: Keytar["setPassword"];
  readonly deletePassword: Keytar["deletePassword"];
  /** Drops the connection to the keychain and, if possible, the call in progress. */
  discard(): void;
}

/** For Windows, whose Credential Manager responds at once and has no connection. */
export const inProcessKeytar: KeytarBinding = {
  getPassword: async (...parameters) => (await loadKeytar()).getPassword(...parameters),
  setPassword: async (...parameters) => (await loadKeytar()).setPassword(...parameters),
  deletePassword: async (...parameters) => (await loadKeytar()).deletePassword(...parameters),
  discard: () => undefined,
};

let keytar: Keytar | null = null;

async function loadKeytar(): Promise<Keytar> {
  try {
    keytar ??= await withoutReading(process.stdin, async () => {
      const module = (await import("keytar")) as Keytar & { default?: Keytar };
      return module.default ?? module;
    });
    return keytar;
  } catch (error) {
    throw new KeytarLoadError("keytar cannot be loaded.", { cause: error });
  }
}

/**
 * Calls `load` while nobody reads from a stream. keytar's library contains a C runtime, which asks
 * for the type of stdin as it is loaded. If stdin is a pipe that the host did not open for
 * overlapped operations (.NET), Windows answers that only when the read in progress has ended: the
 * worker would stand still until the next message of the host.
 */
export async function withoutReading<T>(stream: Readable, load: () => Promise<T>): Promise<T> {
  const owner = {};
  stopReading(stream, owner);
  try {
    return await load();
  } finally {
    continueReading(stream, owner);
  }
}

type Value = string | boolean | null;
type Reply = { ready: boolean } | { id: number; value: Value } | { id: number; error: string };

// A terminal or a service manager signals the whole process group, and the worker may still have to
// store a grant before it exits. SIGUSR1 would open a debugger's port. SIGKILL, because an ordinary
// exit waits for libuv's threads, which may hang in the keyring.
const CHILD_SCRIPT = `
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"]) process.on(signal, () => {});
let keytar = null;
try { keytar = require("node:module").createRequire(process.argv[1])("keytar"); } catch {}
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", ({ id, operation, parameters }) => {
  keytar[operation](...parameters).then(
    (value) => process.send({ id, value: value ?? null }),
    (error) => process.send({ id, error: String(error.message) }),
  );
});
process.send({ ready: keytar !== null });
`;
const IDLE_TIMEOUT_MS = 5_000;

/**
 * What a keychain needs to find its session, its files and its libraries. The rest stays out:
 * NODE_OPTIONS would run other code beside the secrets, HTTPS_PROXY may hold a password, and with
 * LANG the errors that `translateKeytarError` reads would be translated.
 */
const KEYCHAIN_VARIABLES =
  /^(DBUS_SESSION_BUS_ADDRESS|XDG_.*|HOME|USER|LOGNAME|PATH|TMPDIR|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|GNOME_KEYRING_CONTROL|SECRET_BACKEND|LD_LIBRARY_PATH|__CF_USER_TEXT_ENCODING)$/;

function keychainEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const entries = Object.entries(environment).filter(([name]) => KEYCHAIN_VARIABLES.test(name));
  return Object.fromEntries(entries);
}

/**
 * keytar in a child process, for Linux and macOS. In the worker's own process, a call that hangs
 * would keep Node from exiting (libuv joins its threads), libsecret would keep a connection to a
 * bus or keyring daemon that has ended, and a crash in the library would end the service. The child
 * starts at the first call, and ends with the worker, when idle and when discarded.
 */
export class ChildProcessKeytar implements KeytarBinding {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #pending = new Map<
    number,
    { resolve(value: Value): void; reject(error: Error): void }
  >();
  #starting: Promise<ChildProcess> | null = null;
  #child: ChildProcess | null = null;
  #idleTimer: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#environment = environment;
  }

  readonly getPassword = (...parameters: string[]): Promise<string | null> =>
    this.#call("getPassword", parameters) as Promise<string | null>;

  readonly setPassword = async (...parameters: string[]): Promise<void> => {
    await this.#call("setPassword", parameters);
  };

  readonly deletePassword = (...parameters: string[]): Promise<boolean> =>
    this.#call("deletePassword", parameters) as Promise<boolean>;

  discard(): void {
    const child = this.#child;
    this.#starting = null;
    this.#child = null;
    clearTimeout(this.#idleTimer);
    child?.kill("SIGKILL");
    for (const pending of this.#pending.values())
      pending.reject(new Error("The keychain process was terminated."));
    this.#pending.clear();
  }

  async #call(operation: keyof Keytar, parameters: readonly string[]): Promise<Value> {
    clearTimeout(this.#idleTimer);
    this.#starting ??= this.#start();
    const child = await this.#starting;
    const id = ++this.#lastId;
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        child.send({ id, operation, parameters }, (error) => {
          if (error !== null) reject(error);
        });
      });
    } finally {
      this.#pending.delete(id);
      if (this.#child === child)
        this.#idleTimer = setTimeout(() => this.discard(), IDLE_TIMEOUT_MS).unref();
    }
  }

  async #start(): Promise<ChildProcess> {
    const [{ spawn }, { realpathSync }] = await Promise.all([
      import("node:child_process"),
      import("node:fs"),
    ]);
    let program: string;
    try {
      // The child finds keytar from the program (the bundle): a module inside it has no path of its
      // own. This process would not find it any more once it was missing: Node remembers that.
      const [, path] = process.argv;
      program = path === undefined ? `${process.cwd()}/program.js` : realpathSync(path);
    } catch (error) {
      this.#starting = null;
      throw new KeytarLoadError("The program is not installed.", { cause: error });
    }
    const child = spawn(process.execPath, ["-e", CHILD_SCRIPT, program], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: keychainEnvironment(this.#environment),
      windowsHide: true,
    });
    this.#child = child;
    return await new Promise<ChildProcess>((resolve, reject) => {
      child.on("message", (reply: Reply) => {
        if ("error" in reply) {
          this.#pending.get(reply.id)?.reject(new Error(reply.error));
        } else if ("value" in reply) {
          this.#pending.get(reply.id)?.resolve(reply.value);
        } else if (reply.ready) {
          child.unref();
          child.channel?.unref();
          resolve(child);
        } else {
          this.discard();
          reject(
            new KeytarLoadError("keytar is not installed, or its native module cannot be loaded."),
          );
        }
      });
      const onEnd = (error: Error): void => {
        if (this.#child === child) this.discard();
        reject(error);
      };
      child.on("error", onEnd);
      child.on("exit", () => onEnd(new Error("The keychain process ended.")));
    });
  }
}

/** `condition` continues the sentence "The keychain of account … …". */
export function keychainUnavailable(
  { account, platform }: KeychainAccount,
  condition: string,
  cause?: unknown,
): Fault {
  return problemFault("keychainUnavailable", { account, platform, reason: condition }, { cause });
}

/** Translates an error of keytar, which has no code: only the text distinguishes the causes. */
export function translateKeytarError(owner: KeychainAccount, error: unknown): Fault {
  const { account, platform } = owner;
  if (error instanceof Fault) return error;
  if (error instanceof KeytarLoadError) return keychainUnavailable(owner, "library", error);
  if (!(error instanceof Error && /\blocked\b|interaction is not allowed/i.test(error.message)))
    return keychainUnavailable(owner, "cannot be reached", error);
  return problemFault("keychainLocked", { account, platform }, { cause: error });
}
