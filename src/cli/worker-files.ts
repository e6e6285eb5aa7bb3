import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { isAlive, nodeProcess } from "../platform/node-process.js";
import { workerStatus } from "../rpc/results.js";
import type { WorkerStatus } from "../supervisor/status.js";
import { checkLaunchOptions, defaultLogDirectory } from "../worker/launch-options.js";

/** The content of a status file, and whether its worker is running. */
export type StatusFileResult =
  | { readonly running: true; readonly status: WorkerStatus; readonly ageMs: number }
  | {
      readonly running: false;
      readonly status: WorkerStatus | null;
      /** Completes "The worker is not running: …". */
      readonly reason: string;
      readonly ageMs: number | null;
    };

/** The worker writes its status file every 10 s. */
const MAX_STATUS_AGE_MS = 30_000;

const env = {
  platform: nodeProcess.platform,
  environment: process.env,
  homeDirectory: homedir(),
  resolve,
};

/** The settings file that a worker would read; null if it would not start. */
export function settingsPathFor(option: string | null): string | null {
  const options = checkLaunchOptions(
    { settings: option, hostPid: null, logDir: null, logLevel: null, secretStore: null },
    env,
  );
  return "error" in options ? null : options.settingsPath;
}

/** The folder that a worker would write to with this `--log-dir`. */
export function logDirectoryFor(option: string | null): string {
  return option === null ? defaultLogDirectory(env) : resolve(option);
}

export function statusFilePath(logDirectory: string): string {
  return join(logDirectory, "status.json");
}

/** Reads a worker's status file. Never rejects: without a readable file, no worker is running. */
export async function readStatusFile(path: string): Promise<StatusFileResult> {
  let text: string;
  let ageMs: number;
  try {
    ageMs = Math.max(0, Date.now() - (await stat(path)).mtimeMs);
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? `${path} does not exist` : `${path} cannot be read (${code})`;
    return { running: false, status: null, reason, ageMs: null };
  }
  const status = parseStatus(text);
  const notRunning = (reason: string): StatusFileResult => ({
    running: false,
    status,
    reason,
    ageMs,
  });
  if (status === null) return notRunning(`${path} is not a valid status file`);
  if (!isAlive(status.pid)) return notRunning(`its process ${status.pid} has exited`);
  if (ageMs > MAX_STATUS_AGE_MS) {
    const seconds = Math.round(ageMs / 1000);
    return notRunning(`it last wrote its status ${seconds} s ago instead of every 10 s`);
  }
  return { running: true, status, ageMs };
}

/** A file of another version may lack members that the status needs. */
function parseStatus(text: string): WorkerStatus | null {
  try {
    const status: unknown = JSON.parse(text);
    return workerStatus.safeParse(status).success ? (status as WorkerStatus) : null;
  } catch {
    return null;
  }
}
