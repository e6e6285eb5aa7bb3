import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { FakedClock, whyNoFakedClock } from "../support/faked-clock-fixture.js";
import { WorkerHarness, type PresenceRecord } from "../support/worker-harness.js";

/** Longer than two intervals of 5 s, and shorter than the age at which records are stale. */
const SUSPENSION_MS = 12_500;
const MINUTE_MS = 60_000;
const SWEEP_PATH = "/v1/people";
const missing = process.platform === "win32" ? "Windows has no SIGSTOP" : null;

/** Asks for the watched persons; the answer is `unknown/stale` for all of them. */
async function expectStale({ harness, watched }: FaultTrial): Promise<void> {
  const answer = await harness.host.request("presence/getMany", { uris: watched });
  for (const { state, reason, webexStatus } of (answer as { records: PresenceRecord[] }).records)
    expect([state, reason, webexStatus]).to.deep.equal(["unknown", "stale", "active"]);
}

/** Waits for subscribers to be told that presence is not known, and expects no earlier word. */
async function expectNotified({ harness, watched }: FaultTrial, from: number): Promise<void> {
  const [uri = ""] = watched;
  const changes = await harness.waitFor("a notification", () => {
    const found = harness.changesOf(uri).slice(from);
    return found.length > 0 ? found : null;
  });
  expect([changes[0]?.state, changes[0]?.reason]).to.deep.equal(["unknown", "stale"]);
}

describeFaults("Suspension", [
  {
    fault: "The process is stopped for longer than two intervals",
    made: "SIGSTOP for 12.5 s, then SIGCONT",
    shown: "the watched persons become `unknown`, `stale`, and keep `webexStatus` and `observedAt`",
    heals: "by itself, with one sweep, within one interval",
    missing,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const notified = harness.changesOf(trial.watched[0] ?? "").length;
      harness.host.kill("SIGSTOP");
      trial.cleanUp(() => harness.host.kill("SIGCONT"));
      await trial.last(SUSPENSION_MS);
      // The first thing that the worker reads after it.
      const first = expectStale(trial);
      const mark = harness.webex.mark();
      await trial.end(() => harness.host.kill("SIGCONT"));
      await first;
      await expectNotified(trial, notified);
      await trial.expectRecovery();
      // The sweep that was due, and at most the next one: nothing is made up for.
      await trial.last(1_000);
      const requests = harness.webex.requestsSince(mark, { path: SWEEP_PATH });
      trial.measure(`${requests.length} request(s) meanwhile`);
      expect(requests).to.have.length.within(1, 2);
    },
  },
  {
    fault: "The process is stopped while a request is in flight",
    made: "Webex responds 1 s after SIGSTOP, the status changes then, and SIGCONT follows after 12.5 s",
    shown: "the response, which is older than it seems, counts for nothing",
    heals: "by itself: the request is sent again at once",
    missing,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const response = harness.webex.holdNext(({ path }) => path === SWEEP_PATH, 10_000);
      await response.held;
      harness.host.kill("SIGSTOP");
      trial.cleanUp(() => harness.host.kill("SIGCONT"));
      response.release();
      await trial.last(1_000);
      for (const uri of trial.watched) trial.setStatus(uri, "DoNotDisturb");
      await trial.last(SUSPENSION_MS);
      await trial.end(() => harness.host.kill("SIGCONT"));
      await trial.expectRecovery(2_500);
    },
  },
  {
    fault: "The machine is suspended for a minute",
    made: "what a process sees of it: libfaketime sets the wall clock a minute forward, and the monotonic clock stands still",
    shown: "the watched persons become `unknown`, `stale`, and keep `webexStatus` and `observedAt`",
    heals: "by itself, with one sweep, within one interval",
    missing: whyNoFakedClock(),
    run: async (trial) => {
      const clock = new FakedClock();
      trial.cleanUp(() => clock.close());
      await trial.watch(await WorkerHarness.startPolling({ env: clock.env }));
      const notified = trial.harness.changesOf(trial.watched[0] ?? "").length;
      const mark = trial.harness.webex.mark();
      await trial.end(() => {
        trial.allowClockOffset(MINUTE_MS);
        clock.setOffset(MINUTE_MS);
      });
      await expectNotified(trial, notified);
      await trial.expectRecovery();
      const requests = trial.harness.webex.requestsSince(mark, { path: SWEEP_PATH });
      trial.measure(`${requests.length} request(s) meanwhile`);
      expect(requests).to.have.length.within(1, 2);
    },
  },
]);
