import { expectInLogFolder } from "./fault-files-fixture.js";
import type { FaultTrial } from "./fault-harness.js";

/** How often the worker tries to write again (10 s), and until its next record at level debug. */
export const REWRITE_LIMIT_MS = 18_000;
export const DEBUG = { extraArgs: ["--log-level", "debug"] };
export const CANNOT_WRITE = "The log file in this folder cannot be written";
export const CANNOT_WRITE_STATUS = "The status file in this folder cannot be written";
export const WRITTEN_AGAIN = "The log file is written again.";

interface WrittenStatus {
  readonly organizations?: readonly { readonly lastSweep: { readonly startedAt: string } | null }[];
}

/** Waits until the status file tells of a sweep that began after `since`. */
export async function expectStatusFile(trial: FaultTrial, since: number): Promise<void> {
  await trial.harness.waitFor(
    "the status file",
    async () => {
      const { organizations } = await readStatus(trial);
      const startedAt = organizations?.[0]?.lastSweep?.startedAt ?? "";
      return Date.parse(startedAt) > since ? true : null;
    },
    REWRITE_LIMIT_MS,
  );
}

async function readStatus(trial: FaultTrial): Promise<WrittenStatus> {
  const text = await trial.readLogFolder("status.json");
  return text === "" ? {} : (JSON.parse(text) as WrittenStatus);
}

/** Waits until presence, log and status are there again after the end of the cause. */
export async function expectFilesAgain(trial: FaultTrial): Promise<void> {
  const startedAt = performance.now();
  const endedAt = Date.now();
  await trial.expectRecovery();
  await expectInLogFolder(trial, "worker.log", WRITTEN_AGAIN, REWRITE_LIMIT_MS);
  await expectStatusFile(trial, endedAt);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  trial.measure(`log and status written again after ${seconds} s`);
}

/** How many records the file's record of its recovery says are missing. */
export async function lostRecords(trial: FaultTrial): Promise<number> {
  const log = await trial.readLogFolder("worker.log");
  return Number(/"lostRecords":(\d+)/.exec(log)?.[1] ?? Number.NaN);
}

/** How often stderr shows a text. */
export async function countOnStderr(trial: FaultTrial, text: string): Promise<number> {
  return (await trial.log()).split(text).length - 1;
}
