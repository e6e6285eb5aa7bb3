/**
 * The operating system's keychain, or a replacement in memory, under the service
 * `ucx-webex-presence`. Concurrent calls run one after another. Every method rejects with a
 * `Fault`: `keychainLocked` or `keychainUnavailable`.
 */
export interface SecretStore {
  readonly kind: "keychain" | "memory";
  /** Resolves with the value, or with null only if the store is known to work and has none. */
  get(account: string): Promise<string | null>;
  /** Stores a value of any length, atomically. */
  set(account: string, value: string): Promise<void>;
  /** Resolves with whether there was a value. */
  delete(account: string): Promise<boolean>;
}
