import { open, readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "chai";

import { expectLogLevel } from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import { WorkerHarness } from "../support/worker-harness.js";

const EDITS = 1_000;
/** Less than the time for which a file must stay unchanged, 350 ms, on a busy machine, too. */
const PAUSE_MS = 60;
const MAX_PAUSE_MS = 300;

describeFaults("The settings file", [
  {
    fault: "`Presence.ini` is half written",
    made: "the file is truncated and written anew in small pieces, with pauses between them",
    shown: "nothing: half a file is never read",
    heals: "by itself: the whole file is in effect within a second of its last piece",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const text = harness.settingsText(1, ["WebexPresence.LogLevel=warn", "; end"]);
      const seen = harness.notifications.length;
      const file = await open(harness.settingsPath, "w");
      let longestPauseMs = 0;
      try {
        for (let at = 0; at < text.length; at += 2) {
          const pausedAt = performance.now();
          await pause(PAUSE_MS);
          await file.write(text.slice(at, at + 2));
          longestPauseMs = Math.max(longestPauseMs, performance.now() - pausedAt);
        }
      } finally {
        await file.close();
      }
      expect(longestPauseMs, "the test itself was held up").to.be.below(MAX_PAUSE_MS);
      await trial.end();
      const writtenAt = performance.now();
      await expectLogLevel(harness, "warn");
      trial.measure(`in effect after ${Math.round(performance.now() - writtenAt)} ms`);
      const methods = harness.notifications.slice(seen).map(({ method }) => method);
      expect(methods).to.not.include("worker/statusChanged");
      await trial.expectRecovery();
    },
  },
  {
    fault: "`Presence.ini` is overwritten with something else",
    made: "it becomes a program, then zero bytes, then a text of 10 MB",
    shown: "`settingsUnreadable`; all settings stay as they were; presence goes on",
    heals: "by itself, within a second of the repair",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      await writeFile(harness.settingsPath, await readFile("/bin/true"));
      await trial.expectProblem("settingsUnreadable", /zero bytes/);
      await writeFile(harness.settingsPath, Buffer.alloc(5_000));
      await trial.expectProblem("settingsUnreadable", /zero bytes/);
      await writeFile(harness.settingsPath, harness.settingsText(0, ["; x"]).repeat(70_000));
      await trial.expectProblem("settingsUnreadable", /larger than 1 MB/);
      trial.beginWaiting();
      await trial.expectPresence();
      await trial.last(4_000);
      await trial.end(() => harness.writeSettings(1, ["WebexPresence.LogLevel=warn"]));
      await expectLogLevel(harness, "warn");
      await trial.expectRecovery();
    },
  },
  {
    fault: `\`Presence.ini\` is saved ${EDITS.toLocaleString("en")} times in a burst`,
    made: "a program writes it in place and replaces it, in turn, without a pause",
    shown: "nothing: presence goes on with the settings as they were",
    heals: "by itself: the last save is in effect within a second",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const seen = harness.notifications.length;
      for (let edit = 0; edit < EDITS; edit += 1) {
        const isLast = edit === EDITS - 1;
        const level = isLast ? "warn" : ["debug", "error", "info"][edit % 3];
        const text = harness.settingsText(1, [`WebexPresence.LogLevel=${level}`, `; ${edit}`]);
        if (edit % 2 === 0) await writeFile(harness.settingsPath, text);
        else {
          await writeFile(`${harness.settingsPath}.new`, text);
          await rename(`${harness.settingsPath}.new`, harness.settingsPath);
        }
      }
      await trial.end();
      const savedAt = performance.now();
      await expectLogLevel(harness, "warn");
      trial.measure(`in effect after ${Math.round(performance.now() - savedAt)} ms`);
      const methods = harness.notifications.slice(seen).map(({ method }) => method);
      expect(methods).to.not.include("worker/statusChanged");
      await trial.expectRecovery();
    },
  },
]);
