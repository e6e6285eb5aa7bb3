import { describeFaults } from "../support/fault-harness.js";
import {
  expectBlockedByKeychain,
  expectGrantKept,
  KEYCHAIN_RECOVERY_MS,
  missingKeyring,
  restartWorker,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";

const missing = missingKeyring();
const timeoutMs = 120_000;
const heals = "by itself, within 12 s: the keychain is read again within 10 s, then Webex";

describeFaults("The keychain when the worker starts", [
  {
    missing,
    timeoutMs,
    fault: "There is no session bus yet",
    made: "the worker is launched while neither dbus-daemon nor gnome-keyring runs",
    shown:
      "`keychainUnavailable`, phase `blocked`; records are unknown, nobody is asked to authorize",
    heals,
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await restartWorker(trial, async () => {
        await keyring.stopDaemon();
        await keyring.stopBus();
      });
      await trial.expectProblem("keychainUnavailable");
      await expectBlockedByKeychain(trial);
      trial.beginWaiting();
      await trial.last(6_000);
      await keyring.startBus();
      await keyring.startDaemon();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The keyring's daemon comes late",
    made: "the worker is launched with a session bus, before gnome-keyring",
    shown:
      "`keychainUnavailable`, phase `blocked`; records are unknown, nobody is asked to authorize",
    heals,
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await restartWorker(trial, () => keyring.stopDaemon());
      await trial.expectProblem("keychainUnavailable");
      await expectBlockedByKeychain(trial);
      trial.beginWaiting();
      await trial.last(6_000);
      await keyring.startDaemon();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The keychain is locked, and unlocked later",
    made: "the collection is locked over D-Bus before the worker is launched",
    shown: "`keychainLocked`, phase `blocked`; records are unknown, nobody is asked to authorize",
    heals,
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await restartWorker(trial, () => keyring.lock());
      await trial.expectProblem("keychainLocked");
      await expectBlockedByKeychain(trial);
      trial.beginWaiting();
      await trial.last(6_000);
      await keyring.unlock();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
      await expectGrantKept(trial, keyring);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The keyring does not respond",
    made: "gnome-keyring is stopped with SIGSTOP before the worker is launched",
    shown: "`keychainUnavailable` after 3 s, phase `blocked`; requests are answered meanwhile",
    heals,
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await restartWorker(trial, () => keyring.freeze());
      await trial.expectProblem("keychainUnavailable", /within 3 s/);
      await expectBlockedByKeychain(trial);
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => keyring.unfreeze());
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
    },
  },
]);
