import { chmod, mkdir, mkdtemp, rename, rmdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { CHANGE_BITS } from "./folder-rights.js";
import {
  closingCommand,
  findPosixRisk,
  findWindowsRisk,
  type FolderRisk,
} from "./log-folder-check.js";
import {
  ownSid,
  restrictFolder,
  restrictingCommand,
  runWindowsTool,
  type RunWindowsTool,
} from "./windows-tools.js";

const FOLDER_MODE = 0o700;
/** With a server's first tries, a tool can be late, because a program scans it. */
const MAX_ATTEMPTS = 3;
/** Keeps the start of three programs away from the first answers to the host. */
const CHECK_DELAY_MS = 2_000;

/**
 * `notRestricted`: this process has created the folder, but others may have access to it.
 * `changeable`: others can change a folder that was there. `unchecked`: that is unknown.
 */
export type FolderProblem = "notRestricted" | "changeable" | "unchecked";

interface LogFolderOptions {
  /** The account that this process runs under, as administrators write it. */
  readonly account: string;
  /** Called once for each problem; `command` is the remedy. */
  readonly onProblem: (problem: FolderProblem, reason: string, command: string) => void;
  /** Runs Windows' tools; null on other systems, where modes are enough. */
  readonly run?: RunWindowsTool | null;
  readonly checkDelayMs?: number;
}

/**
 * The folder of log and status. Where this process creates it, only its account, the system and
 * administrators have access to it: below `%PROGRAMDATA%`, a folder inherits that all users can
 * read it. An existing folder keeps its rights, because somebody may have chosen them; it is
 * checked once whether others can change it. `doctor` also tells who can read it.
 */
export class LogFolder {
  readonly #path: string;
  readonly #options: LogFolderOptions;
  readonly #run: RunWindowsTool | null;
  readonly #reported = new Set<FolderProblem>();
  #making: Promise<void> | null = null;
  #sid: string | null = null;
  #isOwn = false;
  #isChecked = false;
  #isRetrying = false;
  /** To restrict a folder that this process has created; 0: that is done, or given up. */
  #attemptsLeft = 0;

  constructor(path: string, options: LogFolderOptions) {
    this.#path = resolve(path);
    this.#options = options;
    this.#run = options.run ?? null;
    if (options.run === undefined && process.platform === "win32") this.#run = runWindowsTool;
  }

  /**
   * Creates the folder if it is missing. Rejects where the system refuses; a folder whose rights
   * cannot be restricted is used nevertheless, and the next calls start another attempt.
   */
  make(): Promise<void> {
    this.#making ??= this.#make().finally(() => (this.#making = null));
    return this.#making;
  }

  async #make(): Promise<void> {
    const run = this.#run;
    const isNew =
      run === null
        ? await makePrivateFolder(this.#path)
        : await makeFolders(this.#path, (path) => this.#makeRestricted(path, run));
    if (isNew) {
      this.#isOwn = true;
      this.#isChecked = false;
    } else if (run !== null && this.#attemptsLeft > 0) {
      // Nobody waits for another attempt either, because the last status before an exit would.
      this.#retry(run);
      return;
    }
    if (this.#isChecked || this.#attemptsLeft > 0) return;
    this.#startCheck(run);
  }

  #retry(run: RunWindowsTool): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    void this.#restrict(this.#path, run).then(() => {
      this.#isRetrying = false;
      if (this.#attemptsLeft === 0) this.#startCheck(run);
    });
  }

  /** Nobody waits for the check. */
  #startCheck(run: RunWindowsTool | null): void {
    this.#isChecked = true;
    const { checkDelayMs = CHECK_DELAY_MS } = this.#options;
    if (this.#isOwn || run === null) void this.#check();
    else setTimeout(() => void this.#check(), checkDelayMs).unref();
  }

  /**
   * The folder gets its name when its rights are set, so that nobody else can use it before, and
   * an attempt that is interrupted leaves nothing behind in its place. Explicit rights stay when a
   * folder is renamed.
   */
  async #makeRestricted(path: string, run: RunWindowsTool): Promise<void> {
    const temporaryPath = await mkdtemp(`${path}.`);
    this.#attemptsLeft = MAX_ATTEMPTS;
    await this.#restrict(temporaryPath, run);
    try {
      await rename(temporaryPath, path);
    } catch {
      this.#attemptsLeft = 0;
      await rmdir(temporaryPath).catch(() => undefined);
      // Rejects if another process has created the folder; otherwise a program held the new one.
      await mkdir(path);
      this.#attemptsLeft = MAX_ATTEMPTS;
      await this.#restrict(path, run);
    }
  }

  async #restrict(path: string, run: RunWindowsTool): Promise<void> {
    this.#attemptsLeft -= 1;
    try {
      this.#sid ??= await ownSid(run);
      await restrictFolder(path, this.#sid, run);
      this.#attemptsLeft = 0;
    } catch (error) {
      this.#report("notRestricted", error);
    }
  }

  async #check(): Promise<void> {
    try {
      const risk = await this.#findRisk();
      if (risk === null) return;
      const problem = this.#isOwn ? "notRestricted" : "changeable";
      this.#report(problem, risk.reason, risk.command);
    } catch (error) {
      // A folder that has gone is created again, and then checked.
      if (codeOf(error) !== "ENOENT") this.#report("unchecked", error);
    }
  }

  async #findRisk(): Promise<FolderRisk | null> {
    const run = this.#run;
    if (run === null) return this.#isOwn ? null : findPosixRisk(this.#path, this.#options.account);
    this.#sid ??= await ownSid(run);
    return findWindowsRisk(this.#path, this.#sid, run, this.#isOwn ? undefined : CHANGE_BITS);
  }

  #report(problem: FolderProblem, error: unknown, remedy?: string): void {
    if (this.#reported.has(problem)) return;
    // An open folder needs no other warning that it may be open.
    if (problem === "unchecked" && this.#reported.has("notRestricted")) return;
    this.#reported.add(problem);
    const { account, onProblem } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    const trustee = this.#sid === null ? account : `*${this.#sid}`;
    const command =
      this.#run === null ? closingCommand(this.#path) : restrictingCommand(this.#path, trustee);
    onProblem(problem, reason, remedy ?? command);
  }
}

/**
 * Creates a folder and its parents, one call each, and rejects where the system refuses. Resolves
 * to whether it created the folder. Only the account may use the folder, but the parents are made
 * as other programs make them.
 */
export function makePrivateFolder(path: string): Promise<boolean> {
  return makeFolders(resolve(path), async (folder) => {
    await mkdir(folder, { mode: FOLDER_MODE });
    // A umask may have taken bits from the account itself.
    if (process.platform !== "win32") await chmod(folder, FOLDER_MODE);
  });
}

/**
 * `make` creates the last of the folders. Node's own recursive `mkdir` loops forever if the answer
 * is "no such file" although the parent exists (/proc).
 */
async function makeFolders(
  folder: string,
  make: (folder: string) => Promise<void>,
): Promise<boolean> {
  const missing: string[] = [];
  for (let parent = folder; !(await folderExists(parent)); parent = dirname(parent))
    missing.unshift(parent);
  let isNew = false;
  for (const parent of missing) {
    const isLast = parent === folder;
    try {
      await (isLast ? make(parent) : mkdir(parent));
      isNew = isLast;
    } catch (error) {
      // Another process may have created it in the meantime.
      if (codeOf(error) !== "EEXIST" || !(await folderExists(parent))) throw error;
    }
  }
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
