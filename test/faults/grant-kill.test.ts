import { expect } from "chai";

import { SeededRandom } from "../support/clock-fake.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { forceRenewal, TOKEN_PATH, waitForPresence } from "../support/grant-fault-fixture.js";
import {
  missingKeyring,
  storedRefreshToken,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";

const missing = missingKeyring();
const KILLS = 15;
/** From before the first request of a renewal until after its end, on a quiet machine. */
const LONGEST_MOMENT_MS = 150;
/** From Webex's response until after the end of the renewal. */
const LONGEST_MOMENT_AFTER_RESPONSE_MS = 60;
/** FAULT_SEED repeats the moments of an earlier run. */
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);

/** How many renewals had reached Webex or the keychain when the worker was killed. */
interface Moments {
  beforeWebex: number;
  lost: number;
  stored: number;
}

/**
 * Kills the worker at a random moment of a renewal. Without a response of Webex, the stored token
 * has to be good; with one, it may be lost, which is counted.
 */
async function killDuringRenewal(
  trial: FaultTrial,
  { isAfterResponse, share }: { readonly isAfterResponse: boolean; readonly share: number },
  stored: () => Promise<string | null>,
  moments: Moments,
): Promise<void> {
  const { host, webex } = trial.harness;
  const mark = webex.mark();
  const exited = host.exited();
  const longest = isAfterResponse ? LONGEST_MOMENT_AFTER_RESPONSE_MS : LONGEST_MOMENT_MS;
  const moment = share * longest;
  const response = webex.holdNext(({ path }) => path === TOKEN_PATH, 10_000);
  if (!isAfterResponse) response.release();
  void forceRenewal(trial);
  if (isAfterResponse) {
    await response.held;
    response.release();
  }
  await trial.last(moment);
  host.kill("SIGKILL");
  await exited;
  const token = await stored();
  const isGood = token !== null && webex.isRefreshTokenValid(token);
  const wasReplaced = webex.requestsSince(mark, { path: TOKEN_PATH, status: 200 }).length > 0;
  if (!wasReplaced) moments.beforeWebex += 1;
  else if (isGood) moments.stored += 1;
  else moments.lost += 1;
  expect(
    isGood || wasReplaced,
    `seed ${SEED}, ${Math.round(moment)} ms: a grant that was lost`,
  ).to.equal(true);
  await host.start();
  await trial.followRestart();
  if (!isGood) await trial.harness.authorize();
  await waitForPresence(trial, host, "active");
}

function killRow(half: "first" | "second", rotates: boolean) {
  const what = rotates ? "Webex issues a new refresh token" : "the refresh token stays the same";
  return {
    missing,
    timeoutMs: 300_000,
    fault: `SIGKILL during a renewal; ${what}`,
    made: `${KILLS} random moments: within ${LONGEST_MOMENT_MS} ms after the access token expired, or within ${LONGEST_MOMENT_AFTER_RESPONSE_MS} ms after Webex's response`,
    shown: "the worker exits; the next one asks nobody to authorize",
    heals: rotates
      ? "the next worker goes on, unless the kill came between Webex's response and the keychain: then somebody has to authorize"
      : "the next worker goes on with the stored grant, always",
    run: async (trial: FaultTrial) => {
      const keyring = await watchWithKeyring(trial, { rotateRefreshToken: rotates });
      trial.allowExit();
      const random = new SeededRandom(SEED + (half === "first" ? 0 : 1));
      const moments: Moments = { beforeWebex: 0, lost: 0, stored: 0 };
      for (let kill = 0; kill < KILLS; kill += 1) {
        const moment = { isAfterResponse: kill % 2 === 1, share: random.random() };
        const stored = (): Promise<string | null> => storedRefreshToken(trial, keyring);
        await killDuringRenewal(trial, moment, stored, moments);
      }
      if (!rotates) expect(moments.lost).to.equal(0);
      await trial.end();
      await trial.expectRecovery();
      const { beforeWebex, lost, stored } = moments;
      trial.measure(
        `seed ${SEED}: ${beforeWebex} kills before Webex's response, ${stored} after the keychain's, ${lost} between them`,
      );
    },
  };
}

describeFaults("A worker that is killed during a renewal", [
  killRow("first", true),
  killRow("second", false),
]);
