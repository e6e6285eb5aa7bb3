/**
 * The operating system's keychain, or a stand-in in memory, under the service `ucx-webex-presence`. Calls may be made at any
 * time: the adapter runs them one after another. Every failure is a `Fault`: `keychainLocked` or `keychainUnavailable`.
 */
export interface SecretStore {
  readonly kind: "keychain" | "memory";
  /** The value, or null only if the store was proved to work and has none. */
  get(account: string): Promise<string | null>;
  /** Whole or not at all, whatever the length. */
  set(account: string, value: string): Promise<void>;
  /** True if there was something to delete. */
  delete(account: string): Promise<boolean>;
}
