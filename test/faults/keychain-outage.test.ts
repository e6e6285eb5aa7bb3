import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  expectGrantKept,
  KEYCHAIN_RECOVERY_MS,
  missingKeyring,
  restartWorker,
  useKeychain,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";
import type { Keyring } from "../support/keyring-fixture.js";

const missing = missingKeyring();
const timeoutMs = 120_000;
const heals = "by itself, within 10 s: the problem ends";

/** Renews the access token, with a new refresh token, and waits for a request with it. */
async function renew(trial: FaultTrial): Promise<void> {
  const { webex, host } = trial.harness;
  const renewed = webex.nextRequest({ path: "/v1/access_token", status: 200 }, 15_000);
  webex.expireAccessTokens();
  await host.request("worker/poll");
  await renewed;
  await webex.nextRequest({ path: "/v1/people", status: 200 }, 10_000);
}

/** The token that was renewed without a keychain survives the end of the worker. */
async function expectGrantKeptAfterKill(trial: FaultTrial, keyring: Keyring): Promise<void> {
  await expectGrantKept(trial, keyring);
  const { harness } = trial;
  await restartWorker(trial, () => undefined);
  await harness.waitForSweep(0, 10_000);
  expect((await harness.status()).problems).to.deep.equal([]);
}

describeFaults("The keychain while the worker runs", [
  {
    missing,
    timeoutMs,
    fault: "The keychain is locked",
    made: "the collection is locked over D-Bus; a request of the host uses it",
    shown: "`keychainLocked` at the next use, within 30 s; presence stays fresh",
    heals,
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await keyring.lock();
      await useKeychain(trial);
      await trial.expectProblem("keychainLocked");
      trial.beginWaiting();
      await trial.last(6_000);
      expect((await trial.harness.status()).phase).to.equal("polling");
      await keyring.unlock();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The keyring's daemon is killed, and comes back",
    made: "SIGKILL for gnome-keyring; a new one starts 6 s later",
    shown: "`keychainUnavailable` at the next use, within 30 s; presence stays fresh",
    heals,
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await keyring.stopDaemon();
      await useKeychain(trial);
      await trial.expectProblem("keychainUnavailable");
      trial.beginWaiting();
      await trial.last(6_000);
      expect((await trial.harness.status()).phase).to.equal("polling");
      await keyring.startDaemon();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The token is renewed while the keychain is locked",
    made: "the collection is locked, then the access token expires; Webex issues a new refresh token",
    shown: "`keychainLocked`; the new tokens stay in memory, and presence stays fresh",
    heals: "by itself, within 10 s: the new tokens are stored, and a restart finds them",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true });
      await keyring.lock();
      await renew(trial);
      await trial.expectProblem("keychainLocked");
      await renew(trial);
      await keyring.unlock();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
      await expectGrantKeptAfterKill(trial, keyring);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The token is renewed while the keyring does not respond",
    made: "SIGSTOP for gnome-keyring, then the access token expires; Webex issues a new refresh token",
    shown: "`keychainUnavailable`; the new tokens stay in memory, and presence stays fresh",
    heals: "by itself, within 10 s: the new tokens are stored, and a restart finds them",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true });
      keyring.freeze();
      await renew(trial);
      await trial.expectProblem("keychainUnavailable", /within 3 s/);
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => keyring.unfreeze());
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
      await expectGrantKeptAfterKill(trial, keyring);
    },
  },
]);
