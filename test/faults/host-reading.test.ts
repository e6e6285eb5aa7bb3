import { expect } from "chai";

import { expectOnStderr } from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import { startIdleProcess } from "../support/fault-host-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const PERSONS = 900;
/** Together, they are more than the 1 MB that the worker keeps for stderr. */
const RECORDS_PER_ROUND = 400;
const UNREAD_MS = 60_000;
const CHANGE_INTERVAL_MS = 2_500;

describeFaults("The host", [
  {
    fault: "The host reads neither stdout nor stderr for a minute",
    made: `its process stops reading; meanwhile the status of ${PERSONS} persons changes with every poll, and the worker logs at level debug`,
    shown: "the memory does not grow; the log file has every record; a warning in it",
    heals: "by itself: the host reads the latest state of everybody, each once, within an interval",
    timeoutMs: 150_000,
    run: async (trial) => {
      const harness = await WorkerHarness.startPolling({
        organizations: [{ name: "Example Ltd", persons: PERSONS, seed: 7 }],
        extraArgs: ["--log-level", "debug"],
      });
      await trial.watch(harness);
      const { host, webex } = harness;
      const others = webex
        .people(0)
        .map(({ emails }) => emails[0] ?? "")
        .filter((uri) => !trial.watched.includes(uri));
      for (const output of host.outputs) output.pause();
      const seen = harness.notifications.length;
      const [uri = ""] = others;
      const changesBefore = harness.changesOf(uri).length;
      let records = 0;
      const until = performance.now() + UNREAD_MS;
      for (let round = 0; performance.now() < until; round += 1) {
        const status = ["active", "inactive", "call", "meeting"][round % 4] ?? "";
        for (const other of others) webex.setStatus(other, status);
        for (const each of trial.watched) trial.setStatus(each, status);
        for (let i = 0; i < RECORDS_PER_ROUND; i += 1) host.notify("x".repeat(100));
        records += RECORDS_PER_ROUND;
        await trial.last(CHANGE_INTERVAL_MS);
      }
      for (const other of others) webex.setStatus(other, "presenting");
      await trial.end(() => host.outputs.forEach((output) => output.resume()));
      await trial.expectRecovery();
      const log = await trial.readLogFolder("worker.log");
      expect(log.split('xxx"').length - 1, "records in the log file").to.equal(records);
      await expectOnStderr(trial, "reads all of the worker's stderr again");
      await harness.waitFor("the present state of the others", () =>
        harness.changesOf(uri).at(-1)?.webexStatus === "presenting" ? true : null,
      );
      const delivered = harness.changesOf(uri).length - changesBefore;
      expect(delivered, "changes of one person, of whom only the latest counts").to.be.below(5);
      const changes = harness.notifications
        .slice(seen)
        .filter(({ method }) => method === "presence/changed");
      const sequences = changes.map(({ params }) => (params as { sequence: number }).sequence);
      expect(sequences, "notifications, one after the other").to.deep.equal(
        sequences.map((_, i) => (sequences[0] ?? 0) + i),
      );
    },
  },
  {
    fault: "The host's process is stopped",
    made: "the process that `--host-pid` names gets SIGSTOP for 15 s and its pipes are not read, as on a machine without a free processor; then SIGCONT",
    shown: "nothing: a host that is stopped is not gone, and the worker goes on polling",
    heals: "by itself: the host reads the latest state of everybody within an interval",
    run: async (trial) => {
      const child = await startIdleProcess(trial);
      await trial.watch(await WorkerHarness.startPolling({ hostPid: child.pid }));
      const { host, webex } = trial.harness;
      const requests = webex.requestsSince(0).length;
      child.kill("SIGSTOP");
      for (const output of host.outputs) output.pause();
      trial.beginWaiting();
      await trial.last(15_000);
      expect(webex.requestsSince(0).length, "requests to Webex").to.be.at.least(requests + 2);
      await trial.end(() => {
        child.kill("SIGCONT");
        for (const output of host.outputs) output.resume();
      });
      await trial.expectRecovery();
    },
  },
  {
    fault: "The worker's own process is stopped",
    made: "it gets SIGSTOP for 15 s, as on a machine that is starved or suspended; then SIGCONT",
    shown: "nothing is answered meanwhile; records keep the time at which Webex confirmed them",
    heals: "by itself, within an interval of SIGCONT",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { host } = trial.harness;
      host.kill("SIGSTOP");
      for (const uri of trial.watched) trial.setStatus(uri, "inactive");
      await trial.last(15_000);
      await trial.end(() => host.kill("SIGCONT"));
      await trial.expectRecovery();
    },
  },
]);
