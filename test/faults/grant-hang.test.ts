import { describeFaults } from "../support/fault-harness.js";
import { forceRenewal, TOKEN_PATH } from "../support/grant-fault-fixture.js";
import {
  expectGrantKept,
  missingKeyring,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";

/** A request that Webex never answers is given up after 20 s of silence. */
const SILENCE_MS = 20_000;

describeFaults("Renewals that fail", [
  {
    missing: missingKeyring(),
    timeoutMs: 240_000,
    fault: "The token endpoint does not respond",
    made: "access tokens are valid for 20 s, refresh tokens for one use; requests to the token endpoint hang",
    shown:
      "`webexUnreachable` once the access token has expired; records keep their age, nobody is asked to authorize",
    heals: "by itself, within one interval after the last request is given up, which takes 20 s",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, {
        rotateRefreshToken: true,
      });
      const { webex } = trial.harness;
      webex.set({ accessTokenSeconds: 20 });
      await forceRenewal(trial);
      webex.fail({ kind: "hang", path: TOKEN_PATH, times: null });
      await trial.expectProblem("webexUnreachable", /./, 60_000);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(() => webex.clearFaults());
      await trial.expectRecovery(SILENCE_MS + 7_500);
      await expectGrantKept(trial, keyring);
    },
  },
]);
