import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { FakedClock, whyNoFakedClock } from "../support/faked-clock-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const missing = whyNoFakedClock();
const made = (jump: string): string => `libfaketime sets the wall clock of the worker ${jump}`;

/** A worker whose wall clock the trial sets. */
async function watchWorkerWithClock(trial: FaultTrial): Promise<FakedClock> {
  const clock = new FakedClock();
  trial.cleanUp(() => clock.close());
  await trial.watch(await WorkerHarness.startPolling({ env: clock.env }));
  return clock;
}

function setClock(trial: FaultTrial, clock: FakedClock, offsetMs: number): void {
  trial.allowClockOffset(offsetMs);
  clock.setOffset(offsetMs);
}

describeFaults("The clock", [
  {
    fault: "The clock is set six hours forward",
    made: made("six hours forward; the monotonic clock goes on"),
    shown: "records become `stale`, because a suspension looks the same",
    heals: "by itself, within one interval",
    missing,
    run: async (trial) => {
      const clock = await watchWorkerWithClock(trial);
      await trial.end(() => setClock(trial, clock, 6 * HOUR_MS));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The clock is set six hours back",
    made: made("six hours back"),
    shown: "nothing: ages do not depend on it",
    heals: "by itself, within one interval",
    missing,
    run: async (trial) => {
      const clock = await watchWorkerWithClock(trial);
      await trial.end(() => setClock(trial, clock, -6 * HOUR_MS));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The clock goes to and fro",
    made: made("two hours forward and back again, every second for ten seconds"),
    shown: "records become `stale` and come back",
    heals: "by itself, within one interval",
    missing,
    run: async (trial) => {
      const clock = await watchWorkerWithClock(trial);
      const mark = trial.harness.webex.mark();
      for (let second = 0; second < 10; second += 1) {
        setClock(trial, clock, second % 2 === 0 ? 2 * HOUR_MS : 0);
        await trial.last(1_000);
      }
      // One sweep for each interval of 5 s, and no more.
      expect(trial.harness.webex.requestsSince(mark)).to.have.length.within(1, 4);
      await trial.end(() => setClock(trial, clock, 0));
      await trial.expectRecovery();
    },
  },
]);

describeFaults("The clock and the grant", [
  {
    fault: "The clock is 15 days ahead, longer than an access token lives",
    made: made("15 days forward, and right again"),
    shown: "the worker renews the token; it does not ask for an authorization",
    heals: "by itself, within one interval",
    missing,
    run: async (trial) => {
      const clock = await watchWorkerWithClock(trial);
      const { webex } = trial.harness;
      const mark = webex.mark();
      setClock(trial, clock, 15 * DAY_MS);
      await trial.harness.waitFor(
        "a renewal",
        () => {
          return webex.requestsSince(mark, { path: "/v1/access_token" }).length > 0 ? true : null;
        },
        15_000,
      );
      await trial.last(6_000);
      expect((await trial.harness.status()).phase).to.equal("polling");
      await trial.end(() => setClock(trial, clock, 0));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The clock is 100 days ahead, longer than a refresh token lives",
    made: made("100 days forward, and right again"),
    shown: "Webex decides about the grant, not the clock: presence stays",
    heals: "by itself, within one interval; the grant is not lost",
    missing,
    run: async (trial) => {
      const clock = await watchWorkerWithClock(trial);
      setClock(trial, clock, 100 * DAY_MS);
      await trial.last(12_000);
      trial.measure(`phase ${(await trial.harness.status()).phase} meanwhile`);
      await trial.end(() => setClock(trial, clock, 0));
      await trial.expectRecovery();
    },
  },
]);
