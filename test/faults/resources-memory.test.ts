import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect } from "chai";

import { makeLauncher } from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import {
  KEYRING_MISSING,
  RESTART_LIMIT_MS,
  startWithKeyring,
  subscribeAgain,
} from "../support/fault-host-fixture.js";
import { hasTool } from "../support/required-tool-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const MEBIBYTE = 2 ** 20;
/** Below the 64 MiB that a response may have, so that it is read to its end. */
const LARGE_PAGE_BYTES = 60 * MEBIBYTE;
const SEVERAL = 4;
const PRLIMIT_MISSING = hasTool("prlimit") ? null : "needs prlimit (Debian package: util-linux)";

function addressSpaceOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmSize:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

function limitAddressSpace(pid: number, limit: number): void {
  execFileSync("prlimit", ["--pid", String(pid), `--as=${limit}:`]);
}

const SHOWN_MEANWHILE = " after 1 s; until then, it has no records";
const HEALED_BY_LAUNCH =
  "by itself: the authorization is in the keychain, and presence is complete within an interval of the launch";

describeFaults("The machine's resources", [
  {
    fault: "A page is too large for the worker's memory",
    made: "pages of 80 MiB, while V8 may use 48 MiB (`--max-old-space-size`)",
    shown: "`webexError`: a response of more than 64 MiB is not read; records keep their age",
    heals: "by itself, within one interval of the first page of an ordinary size",
    run: async (trial) => {
      const command = makeLauncher(trial, 'exec node --max-old-space-size=48 "$@"');
      await trial.watch(await WorkerHarness.startPolling({ command }));
      // What has been read when the limit is exceeded.
      trial.allowGrowth(160 * MEBIBYTE);
      const { webex } = trial.harness;
      webex.fail({ kind: "oversizePage", times: null });
      await trial.expectProblem("webexError", /exceeds the limit/);
      await trial.end(() => webex.clearFaults());
      await trial.expectRecovery();
    },
  },
  {
    fault: `${SEVERAL} organizations deliver pages of 60 MiB at once`,
    made: "each page is padded to almost the limit of a response, while V8 may use 48 MiB",
    shown: "nothing, or `webexError`; the worker does not end",
    heals: "by itself, within one interval of the first page of an ordinary size",
    timeoutMs: 90_000,
    run: async (trial) => {
      const command = makeLauncher(trial, 'exec node --max-old-space-size=48 "$@"');
      const organizations = Array.from({ length: SEVERAL }, (_, i) => {
        return { name: `Example ${i}`, persons: 20, seed: i + 1 };
      });
      await trial.watch(await WorkerHarness.startPolling({ command, organizations }));
      // Each page, and its bytes in the socket's buffers.
      trial.allowGrowth(SEVERAL * 160 * MEBIBYTE);
      const { webex } = trial.harness;
      webex.fail({ kind: "oversizePage", bytes: LARGE_PAGE_BYTES, times: 2 * SEVERAL });
      await trial.last(15_000);
      await trial.end(() => webex.clearFaults());
      await trial.expectRecovery(2 * RESTART_LIMIT_MS);
    },
  },
  {
    fault: "The machine has no memory for a page",
    made: "`prlimit` limits the worker's address space to 24 MiB more than it has, and Webex sends pages of 60 MiB; the next process has no such limit",
    shown: `Node.js aborts the process (SIGABRT), and the host launches it again${SHOWN_MEANWHILE}`,
    heals: HEALED_BY_LAUNCH,
    missing: PRLIMIT_MISSING ?? KEYRING_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      const harness = await startWithKeyring(trial, { restart: true });
      await trial.watch(harness);
      trial.allowExit();
      const { host, webex } = harness;
      const pid = host.pid ?? 0;
      const launched = new Promise((resolve) => host.once("restart", resolve));
      limitAddressSpace(pid, addressSpaceOf(pid) + 24 * MEBIBYTE);
      webex.fail({ kind: "oversizePage", bytes: LARGE_PAGE_BYTES, times: null });
      expect((await host.exited()).signal).to.equal("SIGABRT");
      await launched;
      await trial.end(() => webex.clearFaults());
      await subscribeAgain(harness);
      await trial.expectRecovery(RESTART_LIMIT_MS);
    },
  },
  {
    fault: "The system ends the worker for lack of memory",
    made: "SIGKILL, as the kernel sends it",
    shown: `the host launches the worker again${SHOWN_MEANWHILE}`,
    heals: HEALED_BY_LAUNCH,
    missing: KEYRING_MISSING,
    run: async (trial) => {
      const harness = await startWithKeyring(trial, { restart: true });
      await trial.watch(harness);
      trial.allowExit();
      const { host } = harness;
      const launched = new Promise((resolve) => host.once("restart", resolve));
      host.kill("SIGKILL");
      await launched;
      await trial.end();
      await subscribeAgain(harness);
      await trial.expectRecovery(RESTART_LIMIT_MS);
    },
  },
]);
