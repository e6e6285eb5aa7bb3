import { Fault } from "../faults/fault.js";
import type { SecretStore } from "../ports/secret-store.js";
import {
  ChildProcessKeytar,
  inProcessKeytar,
  keychainUnavailable,
  translateKeytarError,
} from "./keytar-binding.js";
import type { KeychainAccount, KeytarBinding } from "./keytar-binding.js";
import { lazyCrypto } from "./lazy-modules.js";
import { withTimeout } from "./system-clock.js";

const SERVICE = "ucx-webex-presence";
const CALL_TIMEOUT_MS = 3_000;
/** CRED_MAX_CREDENTIAL_BLOB_SIZE (wincred.h), in the UTF-8 bytes that keytar stores. */
const MAX_VALUE_BYTES = 2_560;
/** A value of 2.5 MB. Another entry than the worker's must not have it read millions of parts. */
const MAX_PARTS = 999;

interface KeytarStoreOptions extends KeychainAccount {
  /** Names the keyring's session, if it is not that of this process (Linux, macOS). */
  readonly environment?: NodeJS.ProcessEnv;
  readonly binding?: KeytarBinding;
  readonly callTimeoutMs?: number;
}

/**
 * The operating system's keychain through keytar, service `ucx-webex-presence`. Calls run one at a
 * time, each for 3 s at most; until a call that hangs has returned, every other fails at once with
 * `keychainUnavailable`. "No value" and "nothing to delete" count only after a probe value was
 * written, read and deleted, because a locked keyring answers the same. A value over 2,560 bytes is
 * split: first its parts are written, then the entry that names them, then the old parts are
 * deleted, so that a crash leaves either value whole.
 */
export class KeytarStore implements SecretStore {
  readonly kind = "keychain";
  readonly #account: KeychainAccount;
  readonly #binding: KeytarBinding;
  readonly #timeoutMs: number;
  /** One for each process, so that the worker and the command line do not delete each other's. */
  readonly #probeAccount = `probe:${process.pid}`;
  #queue: Promise<unknown> = Promise.resolve();
  #hasHungCall = false;
  #isVerified = false;
  /** The last call failed at once: a new connection may succeed. */
  #mayReconnect = false;

  constructor(options: KeytarStoreOptions) {
    this.#account = options;
    const isWindows = options.platform === "windows";
    this.#binding =
      options.binding ??
      (isWindows ? inProcessKeytar : new ChildProcessKeytar(options.environment));
    this.#timeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
  }

  get(account: string): Promise<string | null> {
    return this.#enqueue(async () => {
      let stored = await this.#readVerified(account);
      for (let attempt = 0; stored !== null && attempt < 3; attempt += 1) {
        const index = parseIndex(stored);
        if (index === null) return stored;
        let value = "";
        for (let i = 0; i < index.count; i += 1) {
          const part = await this.#read(partAccount(account, index.partSet, i));
          if (part === null) break;
          value += part;
        }
        if (digestOf(value) === index.digest) return value;
        // Another process may have replaced the value: its entry names other parts.
        stored = await this.#readVerified(account);
      }
      return stored;
    });
  }

  set(account: string, value: string): Promise<void> {
    return this.#enqueue(async () => {
      checkValue(value);
      const previous = parseIndex((await this.#readVerified(account)) ?? "");
      const partSet = previous?.partSet === "a" ? "b" : "a";
      // A value that looks like an index entry is split too, or it would be read as one.
      const mustSplit =
        Buffer.byteLength(value, "utf8") > MAX_VALUE_BYTES || value.startsWith(INDEX_PREFIX);
      const parts = mustSplit ? splitText(value) : [];
      if (parts.length > MAX_PARTS)
        throw new Fault("defect", "A value for the keychain is too long.");
      for (const [index, part] of parts.entries())
        await this.#write(partAccount(account, partSet, index), part);
      const index = `${INDEX_PREFIX}${partSet}:${parts.length}:${digestOf(value)}`;
      await this.#write(account, parts.length === 0 ? value : index);
      if (previous !== null) await this.#deleteParts(account, previous.partSet, 0);
      if (previous !== null || parts.length > 0)
        await this.#deleteParts(account, partSet, parts.length);
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
        // A keyring that worked may have been restarted: the discarded library connects again.
        if (!wasVerified || !this.#mayReconnect) throw error;
        return await attempt();
      }
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #readVerified(account: string): Promise<string | null> {
    const value = await this.#read(account);
    if (value !== null) return value;
    await this.#verify();
    return this.#read(account);
  }

  /** Writes, reads and deletes a random value: only a store that returns it is trusted. */
  async #verify(): Promise<void> {
    this.#isVerified = false;
    const value = lazyCrypto().randomBytes(16).toString("hex");
    await this.#write(this.#probeAccount, value);
    const readBack = await this.#read(this.#probeAccount);
    await this.#remove(this.#probeAccount);
    if (readBack !== value)
      throw keychainUnavailable(this.#account, "does not return what was written to it");
    this.#isVerified = true;
    this.#mayReconnect = false;
  }

  async #deleteParts(account: string, partSet: PartSet, from: number): Promise<void> {
    for (let index = from; await this.#remove(partAccount(account, partSet, index)); index += 1);
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
      throw keychainUnavailable(this.#account, "has not responded to an earlier call yet");
    const call = run();
    try {
      const returned = call.then((value) => ({ value }));
      const result = await withTimeout(returned, this.#timeoutMs, null);
      if (result !== null) return result.value;
    } catch (error) {
      this.#isVerified = false;
      this.#mayReconnect = true;
      this.#binding.discard();
      throw translateKeytarError(this.#account, error);
    }
    this.#isVerified = false;
    this.#mayReconnect = false;
    this.#hasHungCall = true;
    const onReturn = (): void => void (this.#hasHungCall = false);
    call.then(onReturn, onReturn);
    this.#binding.discard();
    // A call that `discard` could end has settled by the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    throw keychainUnavailable(this.#account, `did not respond within ${this.#timeoutMs / 1000} s`);
  }
}

/** A secret store that ends with the process: for demos and tests, and only on request. */
export class MemoryStore implements SecretStore {
  readonly kind = "memory";
  readonly #values = new Map<string, string>();

  get(account: string): Promise<string | null> {
    return Promise.resolve(this.#values.get(account) ?? null);
  }

  set(account: string, value: string): Promise<void> {
    return new Promise((resolve) => {
      checkValue(value);
      this.#values.set(account, value);
      resolve();
    });
  }

  delete(account: string): Promise<boolean> {
    return Promise.resolve(this.#values.delete(account));
  }
}

/** keytar rejects an empty value and cuts a value at a NUL. */
function checkValue(value: string): void {
  if (value === "" || value.includes("\0"))
    throw new Fault("defect", "A value for the keychain is empty or contains a NUL character.");
}

/** The two sets of accounts for the parts of a value, used in turn. */
type PartSet = "a" | "b";

const INDEX_PREFIX = "split:";
const INDEX = /^split:(a|b):([1-9]\d{0,2}):([0-9a-f]{16})$/;

/** Splits into parts of at most `maxBytes` (>= 4) UTF-8 bytes, not inside a surrogate pair. */
export function splitText(text: string, maxBytes: number = MAX_VALUE_BYTES): string[] {
  const parts: string[] = [];
  let start = 0;
  let end = 0;
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character, "utf8");
    if (bytes + size > maxBytes) {
      parts.push(text.slice(start, end));
      start = end;
      bytes = 0;
    }
    end += character.length;
    bytes += size;
  }
  parts.push(text.slice(start));
  return parts;
}

/** Distinguishes a whole value from a mixture of two. */
function digestOf(value: string): string {
  return lazyCrypto().createHash("sha256").update(value, "utf8").digest("hex").slice(0, 16);
}

/** Parses the entry stored in place of a long value; returns null for an ordinary value. */
function parseIndex(stored: string) {
  const [match, set, count, digest] = INDEX.exec(stored) ?? [];
  if (match === undefined) return null;
  return { partSet: set === "a" ? "a" : "b", count: Number(count), digest } as const;
}

function partAccount(account: string, partSet: PartSet, index: number): string {
  return `${account}#${partSet}.${index}`;
}
