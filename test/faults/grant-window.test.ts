import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import { forceRenewal, TOKEN_PATH } from "../support/grant-fault-fixture.js";
import {
  expectGrantKept,
  missingKeyring,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";

/** As many as the budget lets go at once. */
const RENEWALS = 20;
const SETTINGS = ["WebexPresence.RequestsPerMinute=300"];
const MAX_P95_MS = 250;

describeFaults("A worker that is killed during a renewal", [
  {
    missing: missingKeyring(),
    timeoutMs: 180_000,
    fault: "The time in which a kill loses a new refresh token",
    made: `${RENEWALS} renewals: from the end of Webex's response to the log record after the keychain's acknowledgement`,
    shown:
      "nothing; a kill in this time loses the grant if Webex has refused the former token since",
    heals: "nothing to heal",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, {
        rotateRefreshToken: true,
        ini: SETTINGS,
      });
      const { harness } = trial;
      const { webex, host } = harness;
      // A page that meets two ends of tokens would end the authorization for a minute.
      await harness.writeSettings(1, [...SETTINGS, "WebexPresence.PollIntervalSeconds=60"]);
      await harness.waitFor("the longer interval", async () => {
        const { values } = (await harness.status()).settings;
        return values["WebexPresence.PollIntervalSeconds"] === 60 ? true : null;
      });
      const windows: number[] = [];
      for (let renewal = 0; renewal < RENEWALS; renewal += 1) {
        const logged = host.transcript.text("stderr").length;
        const responded = webex.nextRequest({ path: TOKEN_PATH, status: 200 }, 10_000);
        await forceRenewal(trial);
        const { completedAt } = await responded;
        const storedAt = await harness.waitFor("the record of the renewal", () => {
          const record = /^(\S+) info The access token was renewed/m.exec(
            host.transcript.text("stderr").slice(logged),
          );
          return record === null ? null : Date.parse(record[1] ?? "");
        });
        windows.push(storedAt - (completedAt ?? Number.NaN));
      }
      await trial.end(() => harness.writeSettings(1, SETTINGS));
      await trial.expectRecovery();
      await expectGrantKept(trial, keyring);
      const sorted = windows.toSorted((a, b) => a - b);
      const quantile = (share: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
      trial.measure(`p50 ${quantile(0.5)} ms, p95 ${quantile(0.95)} ms`);
      expect(quantile(0.95)).to.be.at.most(MAX_P95_MS);
    },
  },
]);
