import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import {
  othersWithAccess,
  ownSid,
  restrictFolder,
  restrictingCommand,
  runWindowsTool,
  type RunWindowsTool,
} from "./windows-tools.js";

const FOLDER_MODE = 0o700;

interface LogFolderOptions {
  /** The account that this process runs under, as administrators write it. */
  readonly account: string;
  /** Others may have access to the folder; `command` is the remedy. */
  readonly onUnrestricted: (reason: string, command: string) => void;
  /** Runs Windows' tools; null on other systems, where the mode of the folder is enough. */
  readonly run?: RunWindowsTool | null;
}

/**
 * The folder of log and status. Where this process creates it, only its account, the system and
 * administrators have access to it, and nothing is written before that: below `%PROGRAMDATA%`, a
 * folder inherits that all users can read it. An existing folder keeps its rights, because somebody
 * may have chosen them; `doctor` checks those.
 */
export class LogFolder {
  readonly #path: string;
  readonly #options: LogFolderOptions;
  #making: Promise<void> | null = null;

  constructor(path: string, options: LogFolderOptions) {
    this.#path = path;
    this.#options = options;
  }

  /**
   * Creates the folder if it is missing. Rejects where the system refuses; a folder whose rights
   * cannot be restricted is used nevertheless.
   */
  make(): Promise<void> {
    this.#making ??= this.#make().finally(() => (this.#making = null));
    return this.#making;
  }

  async #make(): Promise<void> {
    const isNew = await makePrivateFolder(this.#path);
    const { run = process.platform === "win32" ? runWindowsTool : null } = this.#options;
    if (!isNew || run === null) return;
    const sid = await ownSid(run).catch((error: unknown) => this.#report(error, null));
    if (sid === undefined) return;
    try {
      await restrictFolder(this.#path, sid, run);
      // Nobody waits for the check.
      this.#check(sid, run).catch((error: unknown) => this.#report(error, sid));
    } catch (error) {
      this.#report(error, sid);
    }
  }

  async #check(sid: string, run: RunWindowsTool): Promise<void> {
    const others = await othersWithAccess(this.#path, sid, run);
    if (others.length > 0) throw new Error(`still accessible to ${others.join(", ")}`);
  }

  #report(error: unknown, sid: string | null): void {
    const { account, onUnrestricted } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    const command = restrictingCommand(this.#path, sid === null ? account : `*${sid}`);
    onUnrestricted(reason, command);
  }
}

/**
 * Creates a folder and its parents, one call each, and rejects where the system refuses. Resolves
 * to whether it created the folder. Only the account may use the folder, but the parents are made
 * as other programs make them. Node's own recursive `mkdir` loops forever if the answer is "no such
 * file" although the parent exists (/proc).
 */
export async function makePrivateFolder(path: string): Promise<boolean> {
  const folder = resolve(path);
  const missing: string[] = [];
  for (let parent = folder; !(await folderExists(parent)); parent = dirname(parent))
    missing.unshift(parent);
  let isNew = false;
  for (const parent of missing) {
    const isLast = parent === folder;
    try {
      await mkdir(parent, isLast ? { mode: FOLDER_MODE } : {});
      isNew = isLast;
    } catch (error) {
      // Another process may have created it in the meantime.
      if (codeOf(error) !== "EEXIST" || !(await folderExists(parent))) throw error;
    }
  }
  // A umask may have taken bits from the account itself.
  if (isNew && process.platform !== "win32") await chmod(folder, FOLDER_MODE);
  return isNew;
}

/** Rejects if something else is at the path, or if the system does not say what is. */
async function folderExists(path: string): Promise<boolean> {
  const stats = await stat(path).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    return null;
  });
  if (stats?.isDirectory() === false)
    throw Object.assign(new Error(`${path} is not a folder`), { code: "ENOTDIR" });
  return stats !== null;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
