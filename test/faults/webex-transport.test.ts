import { describeFaults } from "../support/fault-harness.js";
import { WorkerHarness } from "../support/worker-harness.js";

describeFaults("Webex's transport", [
  {
    fault: "Webex resets each connection",
    made: "the server destroys the socket instead of responding, to every request",
    shown: "`webexUnreachable`; records keep their age",
    heals: "by itself, within one interval of the first response",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      webex.fail({ kind: "reset", times: null });
      await trial.expectProblem("webexUnreachable");
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => webex.clearFaults());
      await trial.expectRecovery();
    },
  },
]);
