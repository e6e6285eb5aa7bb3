import { describeFaults } from "../support/fault-harness.js";
import { PAGES } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

// In a file of its own, because it lasts more than a minute.
describeFaults("Webex's transport", [
  {
    fault: "A page comes byte by byte",
    made: "two bytes a second, in a response that began before the cause ended",
    shown: "`webexUnreachable`: the response is not complete after 60 s; records keep their age",
    heals: "by itself, after these 60 s at the latest; other requests have 30 s",
    timeoutMs: 100_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      webex.fail({ kind: "slowBody", ...PAGES });
      await trial.last(10_000);
      trial.beginWaiting();
      await trial.last(20_000);
      await trial.end();
      await trial.expectRecovery(40_000);
    },
  },
]);
