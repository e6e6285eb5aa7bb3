import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import {
  KEYRING_MISSING,
  launchAgain,
  measureExit,
  RESTART_LIMIT_MS,
  startIdleProcess,
  startWithKeyring,
} from "../support/fault-host-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

/** The second in which the worker ends, and what a busy machine needs to notice that. */
const EXIT_LIMIT_MS = 2_000;
/** The worker looks for its host every second, and promises to end within three. */
const HOST_GONE_LIMIT_MS = 3_000 + EXIT_LIMIT_MS;
const CLEAN = { code: 0, signal: null };
const NEXT_LAUNCH =
  "the next launch finds the authorization in the keychain, and presence is complete within an interval";

describeFaults("The host", [
  {
    fault: "The host closes stdin",
    made: "the host ends the pipe, without `shutdown` and `exit`",
    shown: "the worker ends with code 0 within a second",
    heals: NEXT_LAUNCH,
    missing: KEYRING_MISSING,
    run: async (trial) => {
      await trial.watch(await startWithKeyring(trial));
      trial.allowExit();
      const { harness } = trial;
      const startedAt = performance.now();
      expect(await measureExit(trial, () => harness.host.stdin?.end())).to.deep.equal(CLEAN);
      expect(performance.now() - startedAt).to.be.below(EXIT_LIMIT_MS);
      await trial.end(() => launchAgain(harness));
      await trial.expectRecovery(RESTART_LIMIT_MS);
    },
  },
  {
    fault: "The host closes stdout",
    made: "the host destroys its end of the pipe",
    shown: "the worker ends with code 0, within a second of its next message",
    heals: NEXT_LAUNCH,
    missing: KEYRING_MISSING,
    run: async (trial) => {
      await trial.watch(await startWithKeyring(trial));
      trial.allowExit();
      const { harness } = trial;
      const exit = await measureExit(trial, () => {
        harness.host.outputs[0]?.destroy();
        harness.host.notify("nothing");
        void harness.host.request("worker/status").catch(() => undefined);
      });
      expect(exit).to.deep.equal(CLEAN);
      expect(await trial.log()).to.not.match(/defect|EPIPE/);
      await trial.end(() => launchAgain(harness));
      await trial.expectRecovery(RESTART_LIMIT_MS);
    },
  },
  {
    fault: "The host closes stderr",
    made: "the host destroys its end of the pipe, while the worker logs at level debug",
    shown: "nothing: presence and the log file go on",
    heals: "nothing is to be healed: stderr stays without a reader until the next launch",
    run: async (trial) => {
      const options = { extraArgs: ["--log-level", "debug"] };
      await trial.watch(await WorkerHarness.startPolling(options));
      const { harness } = trial;
      harness.host.outputs[1]?.destroy();
      trial.beginWaiting();
      await trial.expectPresence();
      await trial.last(4_000);
      await trial.end();
      await trial.expectRecovery();
      harness.host.notify("still there");
      await harness.waitFor("the record in the log file", async () =>
        (await trial.readLogFolder("worker.log")).includes("still there") ? true : null,
      );
    },
  },
  {
    fault: "The host is killed while another process holds the pipes",
    made: "the process that `initialize.hostPid` names gets SIGKILL; the pipes stay open",
    shown: "the worker ends with code 0 within 3 s",
    heals: `${NEXT_LAUNCH}; a launch for a host that has gone ends as soon`,
    missing: KEYRING_MISSING,
    run: async (trial) => {
      const harness = await startWithKeyring(trial, { hostPid: null });
      const process = await startIdleProcess(trial);
      const introduction = { protocolVersion: "1.1", hostPid: process.pid };
      await harness.host.request("initialize", introduction);
      await trial.watch(harness);
      trial.allowExit();
      const introduceTheDead = () => harness.host.request("initialize", introduction);
      for (const act of [() => process.kill("SIGKILL"), introduceTheDead]) {
        const startedAt = performance.now();
        expect(await measureExit(trial, act)).to.deep.equal(CLEAN);
        expect(performance.now() - startedAt).to.be.below(HOST_GONE_LIMIT_MS);
        await launchAgain(harness);
      }
      await trial.end();
      await trial.expectRecovery(RESTART_LIMIT_MS);
    },
  },
]);
