import { open, unlink } from "node:fs/promises";
import { join } from "node:path";

import { readBoundedFile, UnsuitableFile } from "../platform/bounded-file.js";
import { homeDirectory, isAlive, nodeProcess, resolvePath } from "../platform/node-process.js";
import { statusOfAnyVersion } from "../rpc/results.js";
import type { OrganizationStatus, WorkerStatus } from "../supervisor/status.js";
import {
  checkLaunchOptions,
  defaultLogDirectory,
  noCurrentFolder,
} from "../worker/launch-options.js";
import { UsageError } from "./terminal/input.js";

/** Organizations of a worker before version 1.1 of the protocol have no `onDemand`. */
export type OrganizationOfAnyVersion = Omit<OrganizationStatus, "onDemand"> &
  Partial<Pick<OrganizationStatus, "onDemand">>;

/** What a status file contains: the worker that runs may be older than this command. */
export interface StatusOfAnyVersion extends Omit<WorkerStatus, "organizations"> {
  readonly organizations: readonly OrganizationOfAnyVersion[];
}

/** The content of a status file, and whether its worker is running. */
export type StatusFileResult =
  | { readonly running: true; readonly status: StatusOfAnyVersion; readonly ageMs: number }
  | {
      readonly running: false;
      readonly status: StatusOfAnyVersion | null;
      /** Why no worker is known to be running. */
      readonly reason:
        | { readonly kind: "missing" }
        | { readonly kind: "unreadable"; readonly code: string }
        | { readonly kind: "ended"; readonly text: string };
      readonly ageMs: number | null;
    };

/** A status takes a kilobyte for each organization and each problem. */
const MAX_STATUS_BYTES = 16 * 2 ** 20;
/** The worker writes its status file every 10 s. */
const MAX_STATUS_AGE_MS = 30_000;
export const DENIED_HINT =
  "Run the command in the worker's account, or as root (on Windows: in a prompt opened as administrator).";

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
export interface WorkerFiles {
  readonly folder: string;
  /** Whether it is the folder of a worker without `--log-dir` in this account. */
  readonly isDefault: boolean;
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
  return {
    folder,
    isDefault: logDir === undefined,
    log: join(folder, "worker.log"),
    status: join(folder, "status.json"),
  };
}

/** Reads a worker's status file. Never rejects: without a readable file, no worker is running. */
export async function readStatusFile(path: string): Promise<StatusFileResult> {
  let text: string;
  let ageMs: number;
  try {
    const { bytes, stats } = await readBoundedFile(path, MAX_STATUS_BYTES);
    ageMs = Math.max(0, Date.now() - stats.mtimeMs);
    text = bytes.toString("utf8");
  } catch (error) {
    const isUnsuitable = error instanceof UnsuitableFile;
    const { code = "unknown error" } = isUnsuitable
      ? { code: `it ${error.message}` }
      : (error as NodeJS.ErrnoException);
    const isMissing = code === "ENOENT" || code === "ENOTDIR";
    const reason = isMissing
      ? ({ kind: "missing" } as const)
      : ({ kind: "unreadable", code } as const);
    return { running: false, status: null, reason, ageMs: null };
  }
  const status = parseStatus(text);
  let ended: string;
  if (status === null) ended = "its status.json is not a valid status file";
  else if (!isAlive(status.pid)) ended = `its process ${status.pid} has exited`;
  else if (ageMs > MAX_STATUS_AGE_MS)
    ended = `it last wrote its status ${Math.round(ageMs / 1000)} s ago instead of every 10 s`;
  else return { running: true, status, ageMs };
  return { running: false, status, reason: { kind: "ended", text: ended }, ageMs };
}

/**
 * Tells an administrator why no worker is known to be running, and what to do. The account matters:
 * except on Windows, each has its own default folder.
 */
export function describeNotRunning(
  { folder, log, status, isDefault }: WorkerFiles,
  { reason }: Extract<StatusFileResult, { running: false }>,
  { account, platform }: Pick<typeof nodeProcess, "account" | "platform"> = nodeProcess,
): { readonly message: string; readonly hint: string } {
  const start = "start the UCX Presence service, which launches the worker";
  const owner = platform === "windows" ? "the default folder" : `the default of account ${account}`;
  switch (reason.kind) {
    case "missing":
      return {
        message: `No worker is running for the log folder ${folder}${isDefault ? ` (${owner})` : ""}: there is no status.json.`,
        hint: `If the worker ${platform === "windows" || !isDefault ? "" : "runs under another account or "}writes to another folder, pass that folder: --log-dir <dir>. Otherwise ${start}.`,
      };
    case "ended":
      return {
        message: `The worker of the log folder ${folder}${isDefault ? ` (${owner})` : ""} is not running: ${reason.text}.`,
        hint: `S${start.slice(1)}. If it has stopped, ${log} tells why. If another worker writes to another folder, pass that folder: --log-dir <dir>.`,
      };
    case "unreadable": {
      // Windows: EPERM.
      const isDenied = reason.code === "EACCES" || reason.code === "EPERM";
      const problem = isDenied ? `is closed to account ${account}` : "cannot be read";
      return {
        message: `It is unknown whether a worker is running: ${status} ${problem} (${reason.code}).`,
        hint: `${isDenied ? DENIED_HINT : "Check that the folder can be read."} If the worker writes to another folder, pass that folder: --log-dir <dir>.`,
      };
    }
  }
}

/** A file of another version may lack members that the status needs. */
function parseStatus(text: string): StatusOfAnyVersion | null {
  try {
    const status: unknown = JSON.parse(text);
    if (!statusOfAnyVersion.safeParse(status).success) return null;
    const { pid } = status as StatusOfAnyVersion;
    // To the system, 0 and negative numbers are groups of processes, which exist.
    return pid >= 1 ? (status as StatusOfAnyVersion) : null;
  } catch {
    return null;
  }
}

/** Why this account cannot create a file in a folder, as the system's code; null if it can. */
export async function findWriteError(folder: string): Promise<string | null> {
  const path = join(folder, `doctor-${process.pid}.tmp`);
  try {
    await (await open(path, "wx", 0o600)).close();
    await unlink(path);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unknown error";
  }
}
