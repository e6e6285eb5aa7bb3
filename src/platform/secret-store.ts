import type { SecretStore } from "../ports/secret-store.js";
import type { KeychainAccount, KeychainPlatform } from "./keychain-faults.js";
import { checkValue, keychainUnavailable, translateKeytarError } from "./keychain-faults.js";
import type { KeytarBinding } from "./keytar-binding.js";
import { InProcessKeytar, ChildProcessKeytar } from "./keytar-binding.js";
import { lazyCrypto } from "./lazy-modules.js";
import type { PartSet } from "./split-value.js";
import {
  digestOf,
  formatIndex,
  mustSplit,
  otherPartSet,
  parseIndex,
  partAccount,
  splitText,
} from "./split-value.js";

const SERVICE = "ucx-webex-presence";
const CALL_DEADLINE_MS = 3_000;

export interface KeytarStoreOptions {
  /** The account this process runs under, for the messages. */
  readonly account: string;
  readonly platform: KeychainPlatform;
  /** The environment that names the keyring's session, where it is not this process's own (Linux, macOS). */
  readonly environment?: NodeJS.ProcessEnv;
  readonly binding?: KeytarBinding;
  readonly callDeadlineMs?: number;
}

/**
 * The operating system's keychain through keytar, service `ucx-webex-presence`. One call at a time, each with 3 s; while one that
 * did not come back is still out, every other fails at once with `keychainUnavailable`. A null or "nothing to delete" is believed
 * only after a value of our own was written, read and deleted, because a locked keyring says the same. Values over 2,560 bytes are
 * kept in parts: parts first, then the entry that names them, then the old parts are deleted, so that a crash leaves one value whole.
 */
export class KeytarStore implements SecretStore {
  readonly kind = "keychain";
  readonly #account: KeychainAccount;
  readonly #binding: KeytarBinding;
  readonly #deadlineMs: number;
  // Per process, so that the worker and the command line do not delete each other's.
  readonly #probeAccount = `probe:${process.pid}`;
  #queue: Promise<unknown> = Promise.resolve();
  #hasHungCall = false;
  #isVerified = false;
  /** The last call failed at once: a new connection may do better. */
  #mayReconnect = false;

  constructor(options: KeytarStoreOptions) {
    this.#account = { account: options.account, platform: options.platform };
    this.#binding =
      options.binding ??
      (options.platform === "windows"
        ? new InProcessKeytar()
        : new ChildProcessKeytar(options.environment));
    this.#deadlineMs = options.callDeadlineMs ?? CALL_DEADLINE_MS;
  }

  get(account: string): Promise<string | null> {
    return this.#enqueue(() => this.#readValue(account));
  }

  set(account: string, value: string): Promise<void> {
    return this.#enqueue(async () => {
      checkValue(value);
      const previous = parseIndex((await this.#readVerified(account)) ?? "");
      const generation: PartSet = previous === null ? "a" : otherPartSet(previous.partSet);
      const parts = mustSplit(value) ? splitText(value) : [];
      for (const [index, part] of parts.entries())
        await this.#write(partAccount(account, generation, index), part);
      await this.#write(
        account,
        parts.length === 0
          ? value
          : formatIndex({ partSet: generation, count: parts.length, digest: digestOf(value) }),
      );
      if (previous !== null) await this.#deleteParts(account, previous.partSet, 0);
      if (previous !== null || parts.length > 0)
        await this.#deleteParts(account, generation, parts.length);
    });
  }

  delete(account: string): Promise<boolean> {
    return this.#enqueue(async () => {
      let existed = await this.#remove(account);
      if (!existed) {
        await this.#verify();
        existed = await this.#remove(account);
      }
      await this.#deleteParts(account, "a", 0);
      await this.#deleteParts(account, "b", 0);
      return existed;
    });
  }

  #enqueue<T>(operation: () => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      if (!this.#isVerified) await this.#verify();
      return operation();
    };
    const result = this.#queue.then(async () => {
      const wasVerified = this.#isVerified;
      try {
        return await attempt();
      } catch (error) {
        // A keyring that worked may only have been restarted: the library has to connect anew, which it does when discarded.
        if (!wasVerified || !this.#mayReconnect) throw error;
        return await attempt();
      }
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #readValue(account: string): Promise<string | null> {
    let stored = await this.#readVerified(account);
    for (let tries = 0; stored !== null && tries < 3; tries += 1) {
      const head = parseIndex(stored);
      if (head === null) return stored;
      const parts: string[] = [];
      for (let index = 0; index < head.count; index += 1) {
        const part = await this.#read(partAccount(account, head.partSet, index));
        if (part === null) break;
        parts.push(part);
      }
      const value = parts.join("");
      if (parts.length === head.count && digestOf(value) === head.digest) return value;
      // Another process may have replaced the value meanwhile: its entry names other parts.
      stored = await this.#readVerified(account);
    }
    return stored;
  }

  async #readVerified(account: string): Promise<string | null> {
    const value = await this.#read(account);
    if (value !== null) return value;
    await this.#verify();
    return this.#read(account);
  }

  /** Writes, reads and deletes a random value: only a store that gives it back is believed. */
  async #verify(): Promise<void> {
    this.#isVerified = false;
    const value = lazyCrypto().randomBytes(16).toString("hex");
    await this.#write(this.#probeAccount, value);
    const readBack = await this.#read(this.#probeAccount);
    await this.#remove(this.#probeAccount);
    if (readBack !== value)
      throw keychainUnavailable(this.#account, "does not give back what was written to it");
    this.#isVerified = true;
    this.#mayReconnect = false;
  }

  async #deleteParts(account: string, generation: PartSet, from: number): Promise<void> {
    for (let index = from; await this.#remove(partAccount(account, generation, index)); index += 1);
  }

  #read(account: string): Promise<string | null> {
    return this.#call(() => this.#binding.getPassword(SERVICE, account));
  }

  #write(account: string, value: string): Promise<void> {
    return this.#call(() => this.#binding.setPassword(SERVICE, account, value));
  }

  #remove(account: string): Promise<boolean> {
    return this.#call(() => this.#binding.deletePassword(SERVICE, account));
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    if (this.#hasHungCall)
      throw keychainUnavailable(this.#account, "has not answered an earlier call yet");
    const call = run();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), this.#deadlineMs);
    });
    try {
      const first = await Promise.race([call.then((value) => ({ value })), deadline]);
      if (first !== "late") return first.value;
    } catch (error) {
      this.#isVerified = false;
      this.#mayReconnect = true;
      this.#binding.discard();
      throw translateKeytarError(this.#account, error);
    } finally {
      clearTimeout(timer);
    }
    await this.#abandonCall(call);
    throw keychainUnavailable(this.#account, `did not answer within ${this.#deadlineMs / 1000} s`);
  }

  async #abandonCall(call: Promise<unknown>): Promise<void> {
    this.#isVerified = false;
    this.#mayReconnect = false;
    this.#hasHungCall = true;
    const settled = (): void => {
      this.#hasHungCall = false;
    };
    call.then(settled, settled);
    this.#binding.discard();
    // A call that could be ended has settled by the next turn, and holds up nobody.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
