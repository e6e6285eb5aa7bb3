import { execFileSync } from "node:child_process";
import { expect } from "chai";

import { expectLogLevel } from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import { DEBUG } from "../support/fault-log-fixture.js";
import { processUsage } from "../support/process-usage-fixture.js";
import { hasTool } from "../support/required-tool-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const PRLIMIT_MISSING = hasTool("prlimit") ? null : "needs prlimit (Debian package: util-linux)";

function limitDescriptors(pid: number, limit: number): void {
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${limit}:`]);
}

describeFaults("The machine's resources", [
  {
    fault: "The worker may open no further file or connection",
    made: "`prlimit` sets its limit of descriptors below those that are open; Webex closes its connections; then the limit is raised",
    shown: "`webexUnreachable` and `settingsUnreadable`; records keep their age",
    heals: "by itself, within one interval",
    missing: PRLIMIT_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling(DEBUG));
      const { harness } = trial;
      const pid = harness.host.pid ?? 0;
      const open = processUsage(pid)?.descriptors ?? 0;
      limitDescriptors(pid, 3);
      // Every connection ends, and there can be no other.
      harness.webex.fail({ kind: "reset", times: 1 });
      await harness.writeSettings(1, ["WebexPresence.LogLevel=warn"]);
      await trial.expectProblem("webexUnreachable", /EMFILE/);
      await trial.expectProblem("settingsUnreadable", /EMFILE/);
      trial.beginWaiting();
      await trial.last(12_000);
      await trial.end(() => limitDescriptors(pid, 1024));
      await expectLogLevel(harness, "warn");
      await trial.expectRecovery();
      const left = processUsage(pid)?.descriptors ?? 0;
      expect(left, "open descriptors").to.be.at.most(open + 6);
    },
  },
]);
