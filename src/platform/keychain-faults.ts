import { Fault } from "../faults/fault.js";

export type KeychainPlatform = "windows" | "macos" | "linux";

/** Whose keychain it is: named in every message, because an administrator who looks in another account finds nothing. */
export interface KeychainAccount {
  readonly account: string;
  readonly platform: KeychainPlatform;
}

/** The native library could not be loaded at all. */
export class KeytarLoadError extends Error {
  override readonly name = "BindingMissing";
}

const UNLOCK_HINT: Record<KeychainPlatform, (account: string) => string> = {
  windows: (account) =>
    `Sign in once with account "${account}", or restart the service under it, so that Windows opens its Credential Manager.`,
  macos: (account) =>
    `Unlock the login keychain of account "${account}": security unlock-keychain ~/Library/Keychains/login.keychain-db`,
  linux: (account) =>
    `Unlock the login keyring of account "${account}": sign in to its desktop session, or run "gnome-keyring-daemon --unlock" in its D-Bus session.`,
};

const REPAIR_HINT: Record<KeychainPlatform, (account: string) => string> = {
  windows: (account) =>
    `Check that the Windows service "Credential Manager" (VaultSvc) runs and that account "${account}" has a user profile.`,
  macos: (account) =>
    `Check that account "${account}" has a login keychain (Keychain Access) and answer any dialog it shows.`,
  linux: (account) =>
    `Check that a keyring service (gnome-keyring-daemon or KWallet) runs, unlocked, in the D-Bus session of account "${account}", and that DBUS_SESSION_BUS_ADDRESS names that session.`,
};

const INSTALL_HINT: Record<KeychainPlatform, string> = {
  windows:
    "Install the worker again, for this machine's processor: its module keytar is missing or was made for another one.",
  macos:
    "Install the worker again, for this machine's processor: its module keytar is missing or was made for another one.",
  linux:
    "Install the Secret Service library (Debian and Ubuntu: apt-get install libsecret-1-0), then restart the worker.",
};

export function keychainLocked(owner: KeychainAccount, cause?: unknown): Fault {
  return new Fault(
    "keychainLocked",
    `The keychain of account "${owner.account}" is locked: no authorization can be read or kept.`,
    {
      hint: UNLOCK_HINT[owner.platform](owner.account),
      cause,
    },
  );
}

export function keychainUnavailable(owner: KeychainAccount, what: string, cause?: unknown): Fault {
  return new Fault(
    "keychainUnavailable",
    `The keychain of account "${owner.account}" ${what}: no authorization can be read or kept.`,
    {
      hint: REPAIR_HINT[owner.platform](owner.account),
      cause,
    },
  );
}

/** The fault behind whatever keytar threw. Its errors carry no code: the text is all there is to go by. */
export function translateKeytarError(owner: KeychainAccount, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  if (thrown instanceof KeytarLoadError) {
    return new Fault(
      "keychainUnavailable",
      "The operating system's keychain library cannot be loaded: no authorization can be read or kept.",
      {
        hint: INSTALL_HINT[owner.platform],
        cause: thrown,
      },
    );
  }
  const text = thrown instanceof Error ? thrown.message : "";
  if (/\blocked\b|interaction is not allowed/i.test(text)) return keychainLocked(owner, thrown);
  return keychainUnavailable(owner, "cannot be reached", thrown);
}

/** keytar refuses an empty value and cuts one at a NUL: neither is ever a record of ours. */
export function checkValue(value: string): void {
  if (value === "" || value.includes("\0"))
    throw new Fault("defect", "A value for the keychain is empty or holds a NUL character.");
}
