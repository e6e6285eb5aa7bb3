import type { SecretStore } from "../ports/secret-store.js";
import { checkValue } from "./keychain-faults.js";

/** A secret store that ends with the process: for demos and tests, and only when asked for by name. */
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
