import { readFile, stat } from "node:fs/promises";

import { isAlive } from "../platform/node-process.js";
import { workerStatus } from "../rpc/results.js";
import type { WorkerStatus } from "../supervisor/status.js";

/** The worker writes it every 10 s: one this old was written by nobody who is still there. */
const MAX_AGE_MS = 30_000;

/** What a status file says, and whether there is a worker behind it. */
export type StatusReading =
  | { readonly running: true; readonly status: WorkerStatus; readonly ageMs: number }
  /** `why` completes "The worker is not running: …". */
  | {
      readonly running: false;
      readonly status: WorkerStatus | null;
      readonly why: string;
      readonly ageMs: number | null;
    };

/** Never rejects: a file that is absent or unreadable is a worker that is not running, as far as anybody can see. */
export async function readStatusFile(path: string): Promise<StatusReading> {
  let text: string;
  let ageMs: number;
  try {
    const { mtimeMs } = await stat(path);
    ageMs = Math.max(0, Date.now() - mtimeMs);
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? `there is no status file ${path}`
        : `the status file ${path} cannot be read (${code ?? "unknown error"})`;
    return { running: false, status: null, why, ageMs: null };
  }
  const status = parse(text);
  if (status === null)
    return {
      running: false,
      status,
      why: `the status file ${path} is not one of the worker's`,
      ageMs,
    };
  if (!isAlive(status.pid))
    return { running: false, status, why: `its process ${status.pid} is gone`, ageMs };
  if (ageMs > MAX_AGE_MS) {
    return {
      running: false,
      status,
      why: `its status file is ${Math.round(ageMs / 1000)} s old, and it writes one every 10 s`,
      ageMs,
    };
  }
  return { running: true, status, ageMs };
}

/** A file of another version may lack what is shown here: then it says nothing. */
function parse(text: string): WorkerStatus | null {
  try {
    const status: unknown = JSON.parse(text);
    return workerStatus.safeParse(status).success ? (status as WorkerStatus) : null;
  } catch {
    return null;
  }
}
