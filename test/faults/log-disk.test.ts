import { expect } from "chai";

import {
  expectInLogFolder,
  expectOnStderr,
  MOUNT_MISSING,
  MountedDisk,
} from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import {
  CANNOT_WRITE,
  CANNOT_WRITE_STATUS,
  countOnStderr,
  DEBUG,
  expectFilesAgain,
  lostRecords,
} from "../support/fault-log-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

describeFaults("The log folder", [
  {
    fault: "The disk of the log folder is full",
    made: "a disk in memory over the folder is filled to the last byte, then emptied",
    shown: "one warning on stderr, which has all records; presence goes on",
    heals:
      "by itself, within 10 s and a record; the log says how many records are missing in the file",
    missing: MOUNT_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling(DEBUG));
      const { harness } = trial;
      const disk = new MountedDisk(trial, harness.logDirectory, "1m");
      await expectInLogFolder(trial, "worker.log", "debug");
      await expectInLogFolder(trial, "status.json", "polling");
      await disk.fill();
      // Each is a record, and together they need more than what is left in the file's last block.
      for (let i = 0; i < 60; i += 1) harness.host.notify("x".repeat(100));
      await expectOnStderr(trial, CANNOT_WRITE);
      await expectOnStderr(trial, "ENOSPC");
      await expectOnStderr(trial, CANNOT_WRITE_STATUS);
      trial.beginWaiting();
      await trial.expectPresence();
      // Long enough for a second attempt while the disk is still full.
      await trial.last(11_000);
      await trial.end(() => disk.empty());
      await expectFilesAgain(trial);
      expect(await countOnStderr(trial, CANNOT_WRITE), "warnings").to.equal(1);
      const lost = await lostRecords(trial);
      expect(lost, "missing records").to.be.greaterThan(0);
      trial.measure(`${lost} records missing`);
      const lines = (await trial.readLogFolder("worker.log")).trimEnd().split("\n");
      const cutOff = lines.filter((line) => line !== "" && !line.endsWith("}"));
      expect(cutOff.length, "lines that the full disk cut off").to.be.at.most(2);
      expect(lines.at(-1)).to.match(/^\{.*\}$/);
    },
  },
  {
    fault: "The disk of the log folder becomes read-only",
    made: "a disk in memory over the folder is remounted read-only, then again for writing",
    shown: "one warning on stderr, which has all records; presence goes on",
    heals: "by itself, within 10 s and a record; the log says how many records are missing",
    missing: MOUNT_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      const harness = await WorkerHarness.startPolling(DEBUG);
      await trial.watch(harness);
      const disk = new MountedDisk(trial, harness.logDirectory, "1m");
      disk.remount("ro");
      await expectOnStderr(trial, CANNOT_WRITE);
      await expectOnStderr(trial, "EROFS");
      await expectOnStderr(trial, CANNOT_WRITE_STATUS);
      trial.beginWaiting();
      await trial.expectPresence();
      await trial.last(11_000);
      await trial.end(() => disk.remount("rw"));
      await expectFilesAgain(trial);
      expect(await countOnStderr(trial, CANNOT_WRITE), "warnings").to.equal(1);
      expect(await lostRecords(trial)).to.be.greaterThan(0);
      trial.measure(`${await lostRecords(trial)} records missing`);
    },
  },
]);
