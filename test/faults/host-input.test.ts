import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  KEYRING_MISSING,
  launchAgain,
  measureExit,
  RESTART_LIMIT_MS,
  startWithKeyring,
  subscribeAgain,
} from "../support/fault-host-fixture.js";
import { processUsage } from "../support/process-usage-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const FLOOD = 100_000;
/** Answers of some 100 KB: 20 MB of them, more than the worker keeps for a silent host. */
const LARGE = { organizations: [{ name: "Example Ltd", persons: 300, seed: 7 }] };
const LARGE_ANSWERS = 150;
/** Nothing of these is a frame; each ends the stream. */
const GARBAGE = [
  ["an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["zero bytes", "\0".repeat(10_000)],
] as const;
/** Each of these is a frame, and gets an error or nothing. */
const INVALID_BODIES = ["{", "null", "[]", '{"jsonrpc":"2.0"}', '{"id":1}', `"${"x".repeat(1e6)}"`];

/** Waits until the worker has used no processor for a moment: it handles nothing more. */
async function expectIdle(trial: FaultTrial): Promise<void> {
  const pid = trial.harness.host.pid ?? 0;
  let idleSince = performance.now();
  let cpuMs = -1;
  const deadline = performance.now() + 20_000;
  while (performance.now() - idleSince < 600) {
    if (performance.now() > deadline) throw new Error("The worker does not become idle.");
    await trial.last(50);
    const used = processUsage(pid)?.cpuMs ?? 0;
    if (used - cpuMs > 10) {
      cpuMs = used;
      idleSince = performance.now();
    }
  }
}

describeFaults("The host", [
  {
    fault: "The host sends frames that are no messages",
    made: "bodies that are not JSON, not an object, not a message or 1 MB of text, 600 in all",
    shown: "an error response to each; presence goes on",
    heals: "nothing is to be healed: the next valid message is handled as always",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { host } = trial.harness;
      for (let i = 0; i < 100; i += 1)
        for (const body of INVALID_BODIES)
          host.stdin?.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      await trial.expectPresence();
      await trial.end();
      await trial.expectRecovery();
      const errors = host.transcript.text("stdout").match(/"code":-32(700|600)/g) ?? [];
      expect(errors.length, "error responses").to.be.at.least(400);
    },
  },
  {
    fault: "The host sends something other than frames",
    made: "an HTTP request, or zero bytes, each to a worker that was launched anew",
    shown: "one error response; the worker ends with code 65, and the host launches it again",
    heals: "by itself: presence is complete within an interval of the launch, a second later",
    missing: KEYRING_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await startWithKeyring(trial, { restart: true }));
      trial.allowExit();
      const { harness } = trial;
      const launchedAgain = () =>
        harness.waitFor(
          "the launch",
          () => (harness.host.pid === null ? null : true),
          RESTART_LIMIT_MS,
        );
      for (const [name, text] of GARBAGE) {
        const exit = await measureExit(trial, () => harness.host.stdin?.write(text));
        expect(exit, name).to.deep.equal({ code: 65, signal: null });
        await launchedAgain();
      }
      await trial.end();
      await subscribeAgain(harness);
      await trial.expectRecovery(RESTART_LIMIT_MS);
      expect(harness.host.transcript.text("stdout")).to.include('"code":-32700');
    },
  },
  {
    fault: `The host sends ${FLOOD.toLocaleString("en")} requests without reading`,
    made: "`presence/get` in one go; the host reads after 10 s",
    shown: "the worker stops reading when 16 MB are unread; its memory stays below that and 96 MiB",
    heals: "by itself: every request is answered, and presence goes on",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { host } = trial.harness;
      for (const output of host.outputs) output.pause();
      const [uri = ""] = trial.watched;
      const answers = Array.from({ length: FLOOD }, () => host.request("presence/get", { uri }));
      await expectIdle(trial);
      trial.beginWaiting();
      await trial.last(10_000);
      await trial.end(() => host.outputs.forEach((output) => output.resume()));
      const startedAt = performance.now();
      const records = (await Promise.all(answers)) as { uri: string }[];
      const took = ((performance.now() - startedAt) / 1000).toFixed(1);
      trial.measure(`all answered ${took} s after the host reads`);
      expect(records.every((record) => record.uri === uri)).to.equal(true);
      await trial.expectRecovery();
    },
  },
  {
    fault: "The host asks the worker to end, but reads nothing any more",
    made: `${LARGE_ANSWERS} unread answers of 100 KB, then \`shutdown\` and \`exit\``,
    shown: "the worker ends with code 0 within a second",
    heals: "the next launch finds the authorization in the keychain",
    missing: KEYRING_MISSING,
    run: async (trial) => {
      await trial.watch(await startWithKeyring(trial, LARGE));
      trial.allowExit();
      const { harness } = trial;
      const { host } = harness;
      for (const output of host.outputs) output.pause();
      for (let i = 0; i < LARGE_ANSWERS; i += 1)
        void host.request("presence/list", { limit: 1_000 }).catch(() => undefined);
      await expectIdle(trial);
      const startedAt = performance.now();
      const exited = new Promise((resolve) => host.once("exit", resolve));
      void host.request("shutdown").catch(() => undefined);
      host.notify("exit");
      const { pid } = host;
      while (pid !== null && processUsage(pid)?.residentBytes) {
        expect(performance.now() - startedAt).to.be.below(2_500);
        await trial.last(20);
      }
      trial.measure(`ended after ${((performance.now() - startedAt) / 1000).toFixed(2)} s`);
      for (const output of host.outputs) output.resume();
      expect(await exited).to.deep.equal({ code: 0, signal: null });
      await trial.end(() => launchAgain(harness));
      await trial.expectRecovery(RESTART_LIMIT_MS);
    },
  },
]);
