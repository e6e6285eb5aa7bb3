import { describeFaults } from "../support/fault-harness.js";
import {
  LATER_PAGES,
  recover,
  RENEWALS,
  startWithSeveralPages,
  startWithShortTokens,
} from "../support/webex-answers-fixture.js";

/** A silent connection is given up after 20 s. */
const SILENCE_MS = 20_000 + 2_500;

describeFaults("Webex's transport", [
  {
    fault: "A later page stops in the middle of its body",
    made: "half of the second of three pages, then silence on the open connection",
    shown: "`webexUnreachable` after 10 s: nothing in the middle of a response",
    heals: "by itself: a silent connection is given up after 20 s, and the next one is new",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      const { webex } = trial.harness;
      webex.fail({ kind: "hangInBody", ...LATER_PAGES, times: null });
      await trial.expectProblem("webexUnreachable", /in the middle of a response/);
      await recover(trial, SILENCE_MS);
    },
  },
  {
    fault: "The token endpoint accepts a renewal and does not respond",
    made: "silence on the open connection, with tokens that last 3 s",
    shown: "`webexUnreachable` after 10 s; the authorization stays valid",
    heals: "by itself: a silent connection is given up after 20 s, and the next one is new",
    run: async (trial) => {
      await trial.watch(await startWithShortTokens());
      const { webex } = trial.harness;
      webex.fail({ kind: "hang", ...RENEWALS, times: null });
      await trial.expectProblem("webexUnreachable", /has not responded for more than 10 s/);
      await recover(trial, SILENCE_MS);
    },
  },
]);
