import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { expectInLogFolder, expectOnStderr } from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import {
  CANNOT_WRITE,
  CANNOT_WRITE_STATUS,
  countOnStderr,
  DEBUG,
  expectFilesAgain,
  expectStatusFile,
  lostRecords,
} from "../support/fault-log-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

describeFaults("The log folder", [
  {
    fault: "`worker.log` is renamed, then deleted",
    made: "by another program, while the worker has it open",
    shown: "nothing: the worker starts a new file, and no record is lost but in the deleted file",
    heals: "by itself, with the first record after 2 s",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling(DEBUG));
      const { harness } = trial;
      const path = join(harness.logDirectory, "worker.log");
      await rename(path, `${path}.away`);
      await expectInLogFolder(trial, "worker.log", "debug");
      await trial.expectPresence();
      await rm(path);
      await trial.end();
      await expectInLogFolder(trial, "worker.log", "debug");
      await trial.expectRecovery();
      expect(await countOnStderr(trial, CANNOT_WRITE), "warnings").to.equal(0);
    },
  },
  {
    fault: "The log folder is deleted",
    made: "with all in it, twice, while the worker writes there",
    shown: "nothing: the worker makes the folder again",
    heals: "by itself: the log with the next record, the status within 10 s",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling(DEBUG));
      const { harness } = trial;
      for (let time = 0; time < 2; time += 1) {
        await rm(harness.logDirectory, { recursive: true, maxRetries: 5 });
        await expectInLogFolder(trial, "worker.log", "debug");
      }
      const endedAt = Date.now();
      await trial.end();
      await trial.expectRecovery();
      await expectStatusFile(trial, endedAt);
      expect(await countOnStderr(trial, CANNOT_WRITE), "warnings").to.equal(0);
      expect(await readdir(harness.logDirectory)).to.include.members(["worker.log", "status.json"]);
    },
  },
  {
    fault: "Folders have the names of `worker.log` and `status.json`",
    made: "both files are replaced by folders that are not empty",
    shown: "a warning for each on stderr, which has all records; presence goes on",
    heals: "by itself, within 10 s and a record; the log says how many records are missing",
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling(DEBUG));
      const { harness } = trial;
      const paths = ["worker.log", "status.json"].map((name) => join(harness.logDirectory, name));
      for (const path of paths) {
        await rm(path, { force: true });
        await mkdir(join(path, "in the way"), { recursive: true });
      }
      await expectOnStderr(trial, CANNOT_WRITE);
      await expectOnStderr(trial, CANNOT_WRITE_STATUS);
      trial.beginWaiting();
      await trial.expectPresence();
      await trial.last(11_000);
      await trial.end(async () => {
        for (const path of paths) await rm(path, { recursive: true });
      });
      await expectFilesAgain(trial);
      expect(await countOnStderr(trial, CANNOT_WRITE), "warnings").to.equal(1);
      trial.measure(`${await lostRecords(trial)} records missing`);
      const left = (await readdir(harness.logDirectory)).filter((name) => name.endsWith(".new"));
      expect(left, "temporary files").to.deep.equal([]);
    },
  },
  {
    fault: "The log folder is replaced by a file",
    made: "the folder is renamed, and a file gets its name",
    shown: "a warning on stderr, which has all records; presence goes on",
    heals: "by itself, within 10 s and a record; the log says how many records are missing",
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling(DEBUG));
      const { harness } = trial;
      await rename(harness.logDirectory, `${harness.logDirectory}.away`);
      await writeFile(harness.logDirectory, "a file");
      await expectOnStderr(trial, CANNOT_WRITE);
      await trial.expectPresence();
      await trial.end(() => rm(harness.logDirectory));
      await expectFilesAgain(trial);
    },
  },
]);
