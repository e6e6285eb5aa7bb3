import type { ChildProcess } from "node:child_process";

import { KeytarLoadError } from "./keychain-faults.js";

/** The three calls of keytar that are safe to make. (`findCredentials` ends the process when a keyring is locked.) */
export interface KeytarBinding {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
  /** Lets go of whatever the library remembers of the keychain, and of a call under way where that is possible. */
  discard(): void;
}

/** keytar in this process: for Windows, whose Credential Manager answers at once and holds no connection. */
export class InProcessKeytar implements KeytarBinding {
  async getPassword(service: string, account: string): Promise<string | null> {
    return (await this.#load()).getPassword(service, account);
  }

  async setPassword(service: string, account: string, password: string): Promise<void> {
    return (await this.#load()).setPassword(service, account, password);
  }

  async deletePassword(service: string, account: string): Promise<boolean> {
    return (await this.#load()).deletePassword(service, account);
  }

  discard(): void {
    // The module stays loaded; Credential Manager has no connection that could go stale.
  }

  async #load(): Promise<typeof import("keytar")> {
    try {
      const module = (await import("keytar")) as typeof import("keytar") & {
        default?: typeof import("keytar");
      };
      return module.default ?? module;
    } catch (error) {
      throw new KeytarLoadError("keytar cannot be loaded.", { cause: error });
    }
  }
}

type Operation = "getPassword" | "setPassword" | "deletePassword";
type Reply =
  | { ready: boolean }
  | { id: number; value: string | boolean | null }
  | { id: number; error: string };

interface PendingCall {
  resolve(value: string | boolean | null): void;
  reject(error: Error): void;
}

// SIGKILL, because an ordinary exit waits for libuv's threads, and one of them may hang in the keyring.
const CHILD_SCRIPT = `
let keytar = null;
try { keytar = require(process.argv[1]); } catch {}
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
 * keytar in a process of its own, for Linux and macOS. In the worker's process three things could not be mended: a call that hangs
 * keeps Node from exiting (libuv joins its threads), libsecret never forgets a bus connection or a keyring daemon that has gone,
 * and a crash in the library would end the service. The helper starts at the first call, and ends with the worker, when idle or when
 * discarded.
 */
export class ChildProcessKeytar implements KeytarBinding {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #pending = new Map<number, PendingCall>();
  #starting: Promise<ChildProcess> | null = null;
  #child: ChildProcess | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #lastId = 0;

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#environment = environment;
  }

  getPassword(service: string, account: string): Promise<string | null> {
    return this.#call("getPassword", [service, account]) as Promise<string | null>;
  }

  async setPassword(service: string, account: string, password: string): Promise<void> {
    await this.#call("setPassword", [service, account, password]);
  }

  deletePassword(service: string, account: string): Promise<boolean> {
    return this.#call("deletePassword", [service, account]) as Promise<boolean>;
  }

  discard(): void {
    const child = this.#child;
    this.#starting = null;
    this.#child = null;
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    child?.kill("SIGKILL");
    for (const pending of this.#pending.values())
      pending.reject(new Error("The keychain helper process was ended."));
    this.#pending.clear();
  }

  async #call(
    operation: Operation,
    parameters: readonly string[],
  ): Promise<string | boolean | null> {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
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
    const [{ spawn }, { createRequire }, { realpathSync }] = await Promise.all([
      import("node:child_process"),
      import("node:module"),
      import("node:fs"),
    ]);
    let library: string;
    try {
      // Found from the program that was started, which is the bundle: inside one, a module does not know its own place.
      const program =
        process.argv[1] === undefined
          ? `${process.cwd()}/program.js`
          : realpathSync(process.argv[1]);
      library = createRequire(program).resolve("keytar");
    } catch (error) {
      this.#starting = null;
      throw new KeytarLoadError("keytar is not installed.", { cause: error });
    }
    const child = spawn(process.execPath, ["-e", CHILD_SCRIPT, library], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: this.#environment,
      windowsHide: true,
    });
    this.#child = child;
    return await new Promise<ChildProcess>((resolve, reject) => {
      child.on("message", (reply: Reply) => {
        if (!("ready" in reply)) this.#settle(reply);
        else if (reply.ready) {
          child.unref();
          child.channel?.unref();
          resolve(child);
        } else {
          this.discard();
          reject(new KeytarLoadError("keytar's native part cannot be loaded."));
        }
      });
      const onEnd = (error: Error): void => {
        if (this.#child === child) this.discard();
        reject(error);
      };
      child.on("error", onEnd);
      child.on("exit", () => onEnd(new Error("The keychain helper process ended.")));
    });
  }

  #settle(reply: Exclude<Reply, { ready: boolean }>): void {
    const pending = this.#pending.get(reply.id);
    if ("error" in reply) pending?.reject(new Error(reply.error));
    else pending?.resolve(reply.value);
  }
}
