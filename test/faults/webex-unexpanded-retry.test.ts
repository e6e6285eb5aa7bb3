import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import { PAGES } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

// In a file of its own, because it lasts more than a minute.
describeFaults("Webex's rate limits", [
  {
    fault: "Webex limits the rate with `Retry-After: rand(30),add(30)`",
    made: "429 with that text, as recorded from the live service",
    shown: "`rateLimited` with the end of a pause of 60 s, the longest that it can mean",
    heals: "by itself, at the end of the pause",
    timeoutMs: 100_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      const headers = { "retry-after": "rand(30),add(30)" };
      webex.fail({ kind: "status", status: 429, body: "webex", headers, ...PAGES });
      await trial.expectProblem("rateLimited", /waits until/);
      const mark = webex.mark();
      trial.beginWaiting();
      await trial.last(40_000);
      expect(webex.requestsSince(mark)).to.deep.equal([]);
      await trial.end();
      await trial.expectRecovery(24_000);
    },
  },
]);
