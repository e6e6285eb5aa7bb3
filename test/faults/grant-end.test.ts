import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { forceRenewal, TOKEN_PATH, waitForPresence } from "../support/grant-fault-fixture.js";
import { childrenOf } from "../support/proc-fixture.js";
import {
  expectGrantKept,
  missingKeyring,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";

const missing = missingKeyring();
const timeoutMs = 120_000;
const RESPONSE_MS = 300;
/** By contract. */
const EXIT_LIMIT_MS = 1_000;
const made = (what: string): string =>
  `${what} while Webex takes 300 ms to respond with a new refresh token`;

/**
 * Lets something end the renewal, and Webex respond in time; then expects the new token. `begin`
 * resolves when the renewal is told to end; what it returns, when that is done.
 */
async function endDuringRenewal(
  trial: FaultTrial,
  begin: () => Promise<{ readonly ended?: Promise<unknown> }>,
  goOn: () => unknown,
): Promise<void> {
  const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true });
  trial.allowExit();
  const { webex, host } = trial.harness;
  const response = webex.holdNext(({ path }) => path === TOKEN_PATH, 15_000);
  trial.cleanUp(() => response.release());
  void forceRenewal(trial);
  await response.held;
  const { ended } = await begin();
  await trial.last(RESPONSE_MS);
  response.release();
  await ended;
  await expectGrantKept(trial, keyring);
  await trial.end(goOn);
  await trial.followRestart();
  await waitForPresence(trial, host, "meeting");
  await trial.expectRecovery();
  const dead = webex.requestsSince(0, { path: TOKEN_PATH, status: 400 });
  expect(dead, "refused renewals").to.deep.equal([]);
}

/**
 * SIGTERM comes to the worker and to the process that talks to the keychain, while the keychain is
 * frozen in the storing of the new tokens.
 */
async function signalGroupDuringStorage(trial: FaultTrial): Promise<void> {
  const keyring = await watchWithKeyring(trial, {
    rotateRefreshToken: true,
    ownProcessGroup: true,
  });
  trial.allowExit();
  const { webex, host } = trial.harness;
  const response = webex.holdNext(({ path }) => path === TOKEN_PATH, 15_000);
  trial.cleanUp(() => response.release());
  void forceRenewal(trial);
  await response.held;
  const children = childrenOf(host.pid ?? 0);
  expect(children, "the process that talks to the keychain").to.not.deep.equal([]);
  keyring.freeze();
  response.release();
  await trial.last(RESPONSE_MS / 2);
  const exited = host.exited();
  const signalledAt = performance.now();
  host.killProcessGroup("SIGTERM");
  await trial.last(RESPONSE_MS / 2);
  expect(childrenOf(host.pid ?? 0), "after the signal").to.include.members(children);
  keyring.unfreeze();
  expect(await exited).to.deep.equal({ code: 0, signal: null });
  const tookMs = performance.now() - signalledAt;
  trial.measure(`exited within ${(tookMs / 1000).toFixed(2)} s`);
  expect(tookMs, "the end of the worker").to.be.below(EXIT_LIMIT_MS);
  await expectGrantKept(trial, keyring);
  await trial.end(() => host.start());
  await trial.followRestart();
  await waitForPresence(trial, host, "meeting");
  await trial.expectRecovery();
}

describeFaults("A renewal that something ends", [
  {
    missing,
    timeoutMs,
    fault: "The host shuts the worker down",
    made: made("`shutdown` and `exit`"),
    shown: "the worker exits within its second; the new tokens are stored before",
    heals: "the next worker starts with the new tokens",
    run: (trial) =>
      endDuringRenewal(
        trial,
        () => Promise.resolve({ ended: trial.harness.host.shutdown() }),
        () => trial.harness.host.start(),
      ),
  },
  {
    missing,
    timeoutMs,
    fault: "SIGTERM",
    made: made("the system sends SIGTERM"),
    shown: "the worker exits within its second; the new tokens are stored before",
    heals: "the next worker starts with the new tokens",
    run: (trial) =>
      endDuringRenewal(
        trial,
        () => {
          const { host } = trial.harness;
          const exited = host.exited();
          host.kill("SIGTERM");
          const ended = exited.then((exit) =>
            expect(exit).to.deep.equal({ code: 0, signal: null }),
          );
          return Promise.resolve({ ended });
        },
        () => trial.harness.host.start(),
      ),
  },
  {
    missing,
    timeoutMs,
    fault: "SIGTERM to the worker's process group",
    made: "the keychain stops (SIGSTOP) for 300 ms before it stores the new tokens; meanwhile, a service manager sends SIGTERM to the worker and to the process that talks to the keychain",
    shown: "the worker exits within its second; the new tokens are stored before",
    heals: "the next worker starts with the new tokens",
    run: signalGroupDuringStorage,
  },
  {
    missing,
    timeoutMs,
    fault: "Presence is disabled",
    made: made("`WebexPresence.Enable=0`"),
    shown: "no request is sent after a second; the new tokens are stored",
    heals: "with `Enable=1`, the worker polls with the new tokens",
    run: (trial) =>
      endDuringRenewal(
        trial,
        async () => {
          await trial.harness.writeSettings(0);
          await trial.harness.waitForPhase("disabled");
          return {};
        },
        () => trial.harness.writeSettings(1),
      ),
  },
]);
