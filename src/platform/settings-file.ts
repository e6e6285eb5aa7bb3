import { createReadStream } from "node:fs";
import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import type { FSWatcher } from "chokidar";

import type { Disposer } from "../faults/emitter.js";
import type { FileContent, SettingsFile } from "../ports/settings-file.js";
import { loadLibrary } from "./lazy-modules.js";
import { monotonicMs } from "./system-clock.js";

/** How long a file must stay unchanged: longer than an editor's pauses between writes (200 ms). */
const SETTLE_MS = 350;
/** How long the first report waits for a file that keeps changing. */
const MAX_FIRST_WAIT_MS = 2000;
/** Some file systems keep times in units of two seconds. */
const RECENT_MS = 2000 + SETTLE_MS;
/** The interval between checks while the file is changing. */
const SETTLING_POLL_MS = 50;
/**
 * The interval between checks without an event. Events alone are not enough: network shares send
 * none, a missing folder cannot be watched, and every system drops some. Two `stat` calls four
 * times a second cost next to nothing, and with SETTLE_MS they detect an edit within a second
 * without any event.
 */
const IDLE_POLL_MS = 250;
/** How often a file is tried that a backup, a virus scanner or an editor holds for a moment. */
const MAX_BUSY_READS = 4;
const BUSY_REASONS: Readonly<Record<string, string>> = {
  EBUSY: "another program keeps it locked",
  EPERM: "the worker's account is not allowed to read it",
  EACCES: "the worker's account is not allowed to read it",
};
const MAX_BYTES = 1024 * 1024;
/** The interval between attempts to watch a folder. */
const REOPEN_MS = 5_000;

/** A file on disk, read once it has settled. Symbolic links are followed. */
export class DiskSettingsFile implements SettingsFile {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  watch(listener: (content: FileContent) => void): Disposer {
    const watch = new FileWatch(this.path, listener);
    watch.start();
    return () => watch.stop();
  }
}

/**
 * Checks the file in a loop, and reads it when all checks within SETTLE_MS have found the same. An
 * event from chokidar on the folder triggers a check at once. chokidar's own `awaitWriteFinish` is
 * not used, because it compares sizes only.
 */
class FileWatch {
  readonly #path: string;
  readonly #listener: (content: FileContent) => void;
  readonly #folderWatcher: FolderWatcher;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #hasEvent = false;
  #signature: string | null = null;
  /** When the file was last found changed; null: the current state has been reported. */
  #changedAt: number | null = -Infinity;
  readonly #startedAt = monotonicMs();
  #busyReads = 0;
  #lastContent: FileContent | null = null;

  constructor(path: string, listener: (content: FileContent) => void) {
    this.#path = path;
    this.#listener = listener;
    this.#folderWatcher = new FolderWatcher(path, () => {
      this.#hasEvent = true;
      if (!this.#isChecking) this.#scheduleCheck(0);
    });
  }

  start(): void {
    void this.#check();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#folderWatcher.close();
  }

  #scheduleCheck(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#check(), delayMs).unref();
  }

  async #check(): Promise<void> {
    this.#isChecking = true;
    try {
      await this.#checkFile();
      await this.#folderWatcher.ensureOpen();
    } finally {
      this.#isChecking = false;
      const isIdle = this.#changedAt === null && !this.#hasEvent;
      this.#scheduleCheck(isIdle ? IDLE_POLL_MS : SETTLING_POLL_MS);
    }
  }

  async #checkFile(): Promise<void> {
    const isFirst = this.#signature === null;
    const hadEvent = this.#hasEvent;
    this.#hasEvent = false;
    const state = await inspectFile(this.#path);
    if (this.#isStopped) return;
    const now = monotonicMs();
    // At launch, the file is reported as it is, unless it may be in the middle of an edit.
    const hasChanged = isFirst ? mayBeChanging(state) : state.signature !== this.#signature;
    if (hasChanged) this.#changedAt = now;
    // Where a file system keeps times in whole seconds, only the event shows a second write. It
    // does not defer a read that is due, because events can come late.
    else if (hadEvent) this.#changedAt ??= now;
    // The cause (a lock, a permission) can disappear without a trace on the file itself.
    else if (this.#lastContent?.kind === "unreadable") this.#changedAt ??= now - SETTLE_MS;
    this.#signature = state.signature;
    if (this.#changedAt === null) return;
    const isOverdue = this.#lastContent === null && now - this.#startedAt >= MAX_FIRST_WAIT_MS;
    if (isOverdue || now - this.#changedAt >= SETTLE_MS) await this.#readSettled(state);
  }

  async #readSettled(state: FileState): Promise<void> {
    const result = await readFile(this.#path, state);
    const after = result.kind === "content" ? await inspectFile(this.#path) : state;
    if (this.#isStopped) return;
    if (result.kind === "changing" || after.signature !== state.signature) {
      this.#changedAt = monotonicMs();
      return;
    }
    const mayBeBusy =
      result.kind === "unreadable" && result.isBusy && this.#lastContent?.kind !== "unreadable";
    if (mayBeBusy && ++this.#busyReads < MAX_BUSY_READS) return;
    this.#busyReads = 0;
    this.#changedAt = null;
    if (this.#lastContent !== null && isSameContent(this.#lastContent, result)) return;
    this.#lastContent = result;
    this.#listener(result);
  }
}

/**
 * Calls back on events of one file. chokidar watches the file's folder; the watch is closed when
 * the folder disappears, because on Windows an open watch keeps it from being deleted.
 */
class FolderWatcher {
  readonly #folder: string;
  readonly #fileName: string;
  readonly #onEvent: () => void;
  #watcher: FSWatcher | null = null;
  #watchedFolderId: string | null = null;
  #openedAt = -Infinity;
  #isClosed = false;

  constructor(path: string, onEvent: () => void) {
    this.#folder = dirname(path);
    this.#fileName = basename(path).toLowerCase();
    this.#onEvent = onEvent;
  }

  /** Never rejects: without events, the regular checks find every change, a little later. */
  async ensureOpen(): Promise<void> {
    if (this.#isClosed) return;
    const folderId = await stat(this.#folder, { bigint: true }).then(
      (stats) => (stats.isDirectory() ? `${stats.dev}:${stats.ino}` : null),
      () => null,
    );
    if (this.#watcher !== null && folderId === this.#watchedFolderId) return;
    this.#closeWatcher();
    // The interval also holds where a network share gives its folders a new number at each check.
    if (folderId === null || monotonicMs() - this.#openedAt < REOPEN_MS) return;
    this.#openedAt = monotonicMs();
    this.#watchedFolderId = folderId;
    await this.#open().catch(() => undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#closeWatcher();
  }

  async #open(): Promise<void> {
    const { watch } = await loadLibrary("chokidar");
    if (this.#isClosed) return;
    const watcher = watch(this.#folder, {
      depth: 0,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // Both would delay events; the checks decide what one edit is.
      atomic: false,
      awaitWriteFinish: false,
      // With false, chokidar ignores errors of its watches, and one would end the process.
      persistent: true,
      ignored: (path) =>
        resolve(path) !== this.#folder && basename(path).toLowerCase() !== this.#fileName,
    });
    this.#watcher = watcher;
    watcher.on("all", this.#onEvent);
    watcher.on("error", () => {
      if (this.#watcher === watcher) this.#closeWatcher();
    });
  }

  #closeWatcher(): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    if (watcher === null) return;
    void watcher.close();
    // `close` removes all listeners, and a late error without one would end the process.
    watcher.on("error", () => undefined);
  }
}

/** `isBusy`: another program may hold the file for a moment. */
interface Unreadable {
  readonly kind: "unreadable";
  readonly reason: string;
  readonly isBusy: boolean;
}
type FileState = (
  | { readonly kind: "file"; readonly isEmpty: boolean; readonly modifiedAt: number }
  | { readonly kind: "absent" }
  | Unreadable
) & {
  /** Changes with every write that the file system shows. */
  readonly signature: string;
};
type ReadResult = Exclude<FileContent, { kind: "unreadable" }> | Unreadable | { kind: "changing" };

/** Never rejects. */
async function inspectFile(path: string): Promise<FileState> {
  let stats: BigIntStats;
  try {
    stats = await stat(path, { bigint: true });
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "absent", signature: "absent" };
    return { signature: code, ...unreadable(code) };
  }
  const signature = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":");
  const unusable = { kind: "unreadable", signature, isBusy: false } as const;
  if (stats.isDirectory()) return { ...unusable, reason: "it is a folder" };
  if (!stats.isFile()) return { ...unusable, reason: "it is not a file" };
  if (stats.size > MAX_BYTES) return { ...unusable, reason: "it is larger than 1 MB" };
  return {
    kind: "file",
    signature,
    isEmpty: stats.size === 0n,
    modifiedAt: Number(stats.mtimeMs),
  };
}

/** By the wall clock, like a file's times; a network share's can be ahead of this machine's. */
function mayBeChanging(state: FileState): boolean {
  return state.kind === "file" && (state.isEmpty || Date.now() - state.modifiedAt < RECENT_MS);
}

/** Never rejects. */
async function readFile(path: string, state: FileState): Promise<ReadResult> {
  if (state.kind !== "file") return state;
  try {
    const chunks: Buffer[] = [];
    // `end` is inclusive: one byte more than the limit shows that the file has grown.
    for await (const chunk of createReadStream(path, { end: MAX_BYTES }))
      chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    return bytes.length > MAX_BYTES ? { kind: "changing" } : { kind: "content", bytes };
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" ? { kind: "changing" } : unreadable(code);
  }
}

function unreadable(code: string): Unreadable {
  const busyReason = BUSY_REASONS[code];
  const reason = busyReason ?? `the system reports ${code}`;
  return { kind: "unreadable", reason, isBusy: busyReason !== undefined };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "an unknown error";
}

function isSameContent(a: FileContent, b: FileContent): boolean {
  if (a.kind === "content") return b.kind === "content" && Buffer.compare(a.bytes, b.bytes) === 0;
  if (a.kind === "unreadable") return b.kind === "unreadable" && a.reason === b.reason;
  return b.kind === a.kind;
}
