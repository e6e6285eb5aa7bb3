import { realpathSync } from "node:fs";
import type { Readable } from "node:stream";

import { Fault } from "../faults/fault.js";
import { problemFault } from "../faults/problem-catalog.js";
import type { ProcessPort } from "../ports/process.js";
import { ChildProcessCalls } from "./child-process-calls.js";
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

// The child finds keytar from the program (the bundle): a module inside it has no path of its own.
const SCRIPT = `
let keytar = null;
const call = async (operation, ...parameters) => {
  try {
    keytar ??= require("node:module").createRequire(process.argv[1])("keytar");
  } catch {
    throw { message: "keytar cannot be loaded.", isLoadError: true };
  }
  return keytar[operation](...parameters);
};
`;

/**
 * What a keychain needs to find its session, its files and its libraries. The rest stays out:
 * NODE_OPTIONS would run other code beside the secrets, HTTPS_PROXY may hold a password, and with
 * LANG the errors that `translateKeytarError` reads would be translated.
 */
const KEYCHAIN_VARIABLES =
  /^(DBUS_SESSION_BUS_ADDRESS|XDG_.*|HOME|USER|LOGNAME|PATH|TMPDIR|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|GNOME_KEYRING_CONTROL|SECRET_BACKEND|LD_LIBRARY_PATH|__CF_USER_TEXT_ENCODING)$/;

/**
 * keytar in a child process, for Linux and macOS. In the worker's own process, a call that hangs
 * would keep Node from exiting (libuv joins its threads), libsecret would keep a connection to a
 * bus or keyring daemon that has ended, and a crash in the library would end the service.
 */
export class ChildProcessKeytar implements KeytarBinding {
  readonly #calls: ChildProcessCalls;

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#calls = new ChildProcessCalls({
      ...{ script: SCRIPT, environment, variables: KEYCHAIN_VARIABLES },
      scriptArguments: () => [programPath()],
    });
  }

  readonly getPassword = (...parameters: string[]): Promise<string | null> =>
    this.#call("getPassword", parameters) as Promise<string | null>;

  readonly setPassword = async (...parameters: string[]): Promise<void> => {
    await this.#call("setPassword", parameters);
  };

  readonly deletePassword = (...parameters: string[]): Promise<boolean> =>
    this.#call("deletePassword", parameters) as Promise<boolean>;

  discard(): void {
    this.#calls.discard();
  }

  async #call(operation: keyof Keytar, parameters: readonly string[]): Promise<Value> {
    const reply = await this.#calls.call<Value>([operation, ...parameters]);
    if ("value" in reply) return reply.value;
    if (reply.error.isLoadError !== true) throw new Error(reply.error.message);
    throw new KeytarLoadError("keytar is not installed, or its native module cannot be loaded.");
  }
}

function programPath(): string {
  const [, path] = process.argv;
  try {
    return path === undefined ? `${process.cwd()}/program.js` : realpathSync(path);
  } catch (error) {
    throw new KeytarLoadError("The program is not installed.", { cause: error });
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
