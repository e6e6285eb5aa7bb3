import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { homeDirectory, isAlive, nodeProcess, resolvePath } from "../platform/node-process.js";
import { workerStatus } from "../rpc/results.js";
import type { WorkerStatus } from "../supervisor/status.js";
import {
  checkLaunchOptions,
  defaultLogDirectory,
  noCurrentFolder,
} from "../worker/launch-options.js";
import { UsageError } from "./terminal/input.js";

/** The content of a status file, and whether its worker is running. */
export type StatusFileResult =
  | { readonly running: true; readonly status: WorkerStatus; readonly ageMs: number }
  | {
      readonly running: false;
      readonly status: WorkerStatus | null;
      /** Completes "The worker is not running: …", or "It is unknown …" if access is denied. */
      readonly reason: string;
      /** This account may not read the file, so that the worker may be running. */
      readonly isDenied: boolean;
      readonly ageMs: number | null;
    };

/** The worker writes its status file every 10 s. */
const MAX_STATUS_AGE_MS = 30_000;

const env = {
  platform: nodeProcess.platform,
  environment: process.env,
  homeDirectory: homeDirectory(),
  resolve: resolvePath,
};

/**
 * The settings file that a worker would read with this `--settings`; null if it would not start.
 */
export function settingsPathFor(settings: string | null = null): string | null {
  const others = { hostPid: null, logDir: null, logLevel: null, secretStore: null };
  const options = checkLaunchOptions({ settings, ...others }, env);
  if (!("error" in options)) return options.settingsPath;
  if (settings !== null && resolvePath(settings) === null)
    throw new UsageError(options.error, "Run the command in a folder that exists.");
  return null;
}

/** Where a worker writes. */
interface WorkerFiles {
  readonly folder: string;
  readonly log: string;
  readonly status: string;
}

/**
 * The files that a worker would write with this `--log-dir`, and their folder; null without one if
 * the account has no home directory.
 */
export function workerFiles(logDir?: string): WorkerFiles | null {
  const folder = logDir === undefined ? defaultLogDirectory(env) : resolvePath(logDir);
  if (folder === null && logDir !== undefined)
    throw new UsageError(noCurrentFolder("--log-dir"), "Run the command in a folder that exists.");
  if (folder === null) return null;
  return { folder, log: join(folder, "worker.log"), status: join(folder, "status.json") };
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
    // Windows: EPERM.
    const isDenied = code === "EACCES" || code === "EPERM";
    let problem = `cannot be read (${code})`;
    if (code === "ENOENT") problem = "does not exist";
    if (isDenied) problem = `is closed to this account (${code})`;
    return { running: false, status: null, reason: `${path} ${problem}`, isDenied, ageMs: null };
  }
  const status = parseStatus(text);
  let reason: string;
  if (status === null) reason = `${path} is not a valid status file`;
  else if (!isAlive(status.pid)) reason = `its process ${status.pid} has exited`;
  else if (ageMs > MAX_STATUS_AGE_MS)
    reason = `it last wrote its status ${Math.round(ageMs / 1000)} s ago instead of every 10 s`;
  else return { running: true, status, ageMs };
  return { running: false, status, reason, isDenied: false, ageMs };
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
