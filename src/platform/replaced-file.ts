import { lstat, readdir, rename, rm, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import type { ReplacedFile } from "../ports/process.js";
import { lazyCrypto } from "./lazy-modules.js";
import { makePrivateFolder } from "./log-folder.js";
import { monotonicMs } from "./system-clock.js";

/** Windows refuses to replace a file that another program is reading. */
const LOCKED_CODES = new Set(["EPERM", "EACCES", "EBUSY"]);
/** For how long the replacement is tried: longer than a virus scanner or a backup holds a file. */
const MAX_WAIT_MS = 5_000;
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 400;
/** 96 bits, so that nobody can put something else in the place of a file that is about to exist. */
const RANDOM_BYTES = 12;
/** A worker in another container may have the process ID of one that is dead here. */
const MIN_LEFTOVER_AGE_MS = 60_000;

export interface ReplacedFileOptions {
  /** Creates the folder if it is missing. */
  readonly makeFolder?: (path: string) => Promise<unknown>;
  readonly replace?: (from: string, to: string) => Promise<void>;
}

/**
 * A file at `path` that only the account may read, replaced atomically: written beside it,
 * then renamed. While another program holds the file, the replacement is tried again; a newer text
 * is written at once instead. Writes never overlap, even if the disk does not respond, because each
 * hanging write would occupy a thread. `onFailure` is called when the file cannot be written, once
 * until it can be again.
 */
export function nodeReplacedFile(
  path: string,
  onFailure: (error: unknown) => void,
  {
    makeFolder = makePrivateFolder,
    // Naming the function here would load node:fs/promises at the start (scripts/bundles.mjs).
    replace = (from, to) => rename(from, to),
  }: ReplacedFileOptions = {},
): ReplacedFile {
  return new NodeReplacedFile(path, onFailure, { makeFolder, replace });
}

class NodeReplacedFile implements ReplacedFile {
  readonly #path: string;
  readonly #onFailure: (error: unknown) => void;
  readonly #options: Required<ReplacedFileOptions>;
  #pending: { readonly text: string; readonly maxWaitMs: number } | null = null;
  #writing: Promise<boolean> | null = null;
  #hasFailed = false;
  /** Since when other programs have kept the file from being replaced; null: they do not. */
  #lockedSince: number | null = null;
  #endPause: () => void = () => undefined;
  #hasRemovedLeftovers = false;

  constructor(
    path: string,
    onFailure: (error: unknown) => void,
    options: Required<ReplacedFileOptions>,
  ) {
    this.#path = path;
    this.#onFailure = onFailure;
    this.#options = options;
  }

  write(text: string, maxWaitMs = MAX_WAIT_MS): Promise<boolean> {
    this.#pending = { text, maxWaitMs };
    this.#endPause();
    this.#writing ??= this.#writePending().finally(() => (this.#writing = null));
    return this.#writing;
  }

  /** Resolves to whether the latest text was written. */
  async #writePending(): Promise<boolean> {
    let isWritten = false;
    while (this.#pending !== null) {
      const { text, maxWaitMs } = this.#pending;
      this.#pending = null;
      const random = lazyCrypto().randomBytes(RANDOM_BYTES).toString("hex");
      const temporaryPath = `${this.#path}.${process.pid}.${random}.new`;
      try {
        await this.#options.makeFolder(dirname(this.#path));
        await this.#removeLeftovers();
        // Fails where something is, also a link to nothing.
        await writeFile(temporaryPath, text, { mode: 0o600, flag: "wx" });
        await this.#replaceFile(temporaryPath, maxWaitMs);
        isWritten = true;
      } catch (error) {
        // A full or read-only disk costs only the file; the next change writes again.
        await rm(temporaryPath, { force: true }).catch(() => undefined);
        this.#reportFailure(error);
        isWritten = false;
      }
    }
    return isWritten;
  }

  /** Of workers that were killed between the creation of a file and its last name. */
  async #removeLeftovers(): Promise<void> {
    if (this.#hasRemovedLeftovers) return;
    this.#hasRemovedLeftovers = true;
    await removeLeftovers(this.#path).catch(() => undefined);
  }

  /** Resolves without a replacement, and without the temporary file, if there is a newer text. */
  async #replaceFile(temporaryPath: string, maxWaitMs: number): Promise<void> {
    const startedAt = monotonicMs();
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
      try {
        await this.#options.replace(temporaryPath, this.#path);
        this.#hasFailed = false;
        this.#lockedSince = null;
        return;
      } catch (error) {
        const now = monotonicMs();
        const leftMs = startedAt + maxWaitMs - now;
        if (!LOCKED_CODES.has(codeOf(error) ?? "") || leftMs <= 0) throw error;
        this.#lockedSince ??= now;
        // Texts that follow each other faster than one of them gives up must not hide the failure.
        if (now - this.#lockedSince >= MAX_WAIT_MS) this.#reportFailure(error);
        if (this.#pending === null) await this.#pause(Math.min(retryMs, leftMs));
        if (this.#pending !== null) {
          await rm(temporaryPath, { force: true }).catch(() => undefined);
          return;
        }
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #reportFailure(error: unknown): void {
    if (!this.#hasFailed) this.#onFailure(error);
    this.#hasFailed = true;
  }
}

/** Removes temporary files of this account whose processes are gone; others stay. */
async function removeLeftovers(path: string): Promise<void> {
  const [folder, prefix] = [dirname(path), `${basename(path)}.`];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    // Earlier versions wrote no random part.
    const [, pid] = /^(\d+)(?:\.[0-9a-f]{24})?\.new$/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined || !isGone(Number(pid))) continue;
    const file = join(folder, name);
    const stats = await lstat(file).catch(() => null);
    if (stats?.isFile() !== true) continue;
    const isOwn = process.platform === "win32" || stats.uid === process.getuid?.();
    const isOld = Date.now() - stats.mtimeMs >= MIN_LEFTOVER_AGE_MS;
    if (isOwn && isOld) await unlink(file).catch(() => undefined);
  }
}

/** This process has none from before; a process of another account answers with EPERM. */
function isGone(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
