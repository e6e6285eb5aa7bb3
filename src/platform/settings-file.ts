import type { BigIntStats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";

import type { Disposer } from "../faults/emitter.js";
import type { FileContent, SettingsFile } from "../ports/settings-file.js";
import { FolderWatcher } from "./folder-watcher.js";
import { monotonicMs } from "./system-clock.js";

/** How long a file must stay unchanged: longer than an editor's pauses between writes (200 ms). */
const SETTLE_MS = 350;
/** How long the first report waits for a file that keeps changing. */
const MAX_FIRST_WAIT_MS = 2000;
/** Some file systems keep times in units of two seconds. */
const RECENT_MS = 2000 + SETTLE_MS;
/** How often a file is tried that a backup, a virus scanner or an editor holds for a moment. */
const MAX_BUSY_READS = 4;
const BUSY_REASONS: Readonly<Record<string, string>> = {
  EBUSY: "another program keeps it locked",
  EPERM: "the worker's account is not allowed to read it",
  EACCES: "the worker's account is not allowed to read it",
};
const MAX_BYTES = 1024 * 1024;
/**
 * Where a system keeps the time of the last access, every read causes an event. An event alone is a
 * reason to read at most this often in a row.
 */
const MAX_READS_WITHOUT_NEWS = 3;

/**
 * When the file is checked. A check is a `stat`, which opens the file on Windows. Events alone are
 * not enough: network shares send none, a missing folder cannot be watched, every system drops
 * some, and Windows may report the writes of a program only when it closes the file.
 */
interface CheckTimes {
  /** From an event of the file to the check. */
  readonly afterEventMs: number;
  /** Between checks while the file is changing. */
  readonly settlingMs: number;
  /** Between checks without an event. With SETTLE_MS, they report an edit within a second. */
  readonly idleMs: number;
}
/** Two `stat` calls four times a second cost next to nothing. */
const DIRECT: CheckTimes = { afterEventMs: 0, settlingMs: 50, idleMs: 250 };
/**
 * Windows refuses to replace a file that anybody has open, so the file is left alone until it has
 * been still. The second check is late enough to find what an editor that pauses for 200 ms has
 * written without an event.
 */
const DEFERRED: CheckTimes = { afterEventMs: 200, settlingMs: 225, idleMs: 250 };
/**
 * Checks wait while other files of the folder change, because that is how many saves begin. They do
 * not wait longer than this: an edit without an event takes both waits, idleMs and SETTLE_MS, and
 * still takes effect within a second.
 */
const MAX_WAIT_AFTER_EDIT_MS = 100;
const MAX_WAIT_WITHOUT_EDIT_MS = 200;

/** A file on disk, read once it has settled. Symbolic links are followed. */
export class DiskSettingsFile implements SettingsFile {
  readonly path: string;
  readonly #isDeferred: boolean;

  /** `isDeferred`: do not open the file while another program may be saving it. */
  constructor(path: string, isDeferred = process.platform === "win32") {
    this.path = resolve(path);
    this.#isDeferred = isDeferred;
  }

  watch(listener: (content: FileContent) => void): Disposer {
    const watch = new FileWatch(this.path, this.#isDeferred, listener);
    watch.start();
    return () => watch.stop();
  }
}

/**
 * Checks the file in a loop, and reads it when all checks within SETTLE_MS have found the same.
 * Events bring the next check forward, or put it off.
 */
class FileWatch {
  readonly #path: string;
  readonly #listener: (content: FileContent) => void;
  readonly #folderWatcher: FolderWatcher;
  readonly #times: CheckTimes;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #checkedAt = -Infinity;
  /** Since the last check; null: none. */
  #eventAt: number | null = null;
  #otherFileEventAt = -Infinity;
  #signature: string | null = null;
  /** When the file was last found changed; null: the current state has been reported. */
  #changedAt: number | null = -Infinity;
  /** Whether only an event says that the file has changed. */
  #isEventOnly = false;
  #readsWithoutNews = 0;
  readonly #startedAt = monotonicMs();
  #busyReads = 0;
  #lastContent: FileContent | null = null;

  constructor(path: string, isDeferred: boolean, listener: (content: FileContent) => void) {
    this.#path = path;
    this.#listener = listener;
    this.#times = isDeferred ? DEFERRED : DIRECT;
    this.#folderWatcher = new FolderWatcher(path, !isDeferred, (isFile) => {
      if (isFile) this.#eventAt = monotonicMs();
      else this.#otherFileEventAt = monotonicMs();
      this.#scheduleCheck();
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

  #scheduleCheck(): void {
    if (this.#isStopped || this.#isChecking) return;
    clearTimeout(this.#timer);
    // A timer can fire a millisecond early, and that would cost a check more.
    const delayMs = Math.ceil(Math.max(0, this.#nextCheckAt() - monotonicMs())) + 1;
    this.#timer = setTimeout(() => this.#checkIfDue(), delayMs).unref();
  }

  /** On a busy machine, events that put the check off may have come without being handled yet. */
  #checkIfDue(): void {
    setImmediate(() => {
      if (this.#isStopped || this.#isChecking) return;
      if (this.#nextCheckAt() > monotonicMs()) this.#scheduleCheck();
      else void this.#check();
    });
  }

  #nextCheckAt(): number {
    const dueAt = this.#dueAt();
    const isIdle = this.#eventAt === null && this.#changedAt === null;
    const maxWaitMs = isIdle ? MAX_WAIT_WITHOUT_EDIT_MS : MAX_WAIT_AFTER_EDIT_MS;
    const stillAt = this.#otherFileEventAt + SETTLE_MS;
    const nextAt = Math.max(dueAt, Math.min(stillAt, dueAt + maxWaitMs));
    const overdueAt = this.#startedAt + MAX_FIRST_WAIT_MS;
    const hasFirstDeadline = this.#lastContent === null && overdueAt > this.#checkedAt;
    return hasFirstDeadline ? Math.min(nextAt, overdueAt) : nextAt;
  }

  #dueAt(): number {
    const { afterEventMs, settlingMs, idleMs } = this.#times;
    if (this.#eventAt !== null) return this.#eventAt + afterEventMs;
    if (this.#changedAt === null) return this.#checkedAt + idleMs;
    const settledAt = this.#changedAt + SETTLE_MS;
    const isSettled = settledAt <= this.#checkedAt;
    const nextAt = this.#checkedAt + settlingMs;
    return isSettled ? nextAt : Math.min(settledAt, nextAt);
  }

  async #check(): Promise<void> {
    this.#isChecking = true;
    try {
      await this.#checkFile();
      await this.#folderWatcher.ensureOpen();
    } finally {
      this.#isChecking = false;
      this.#scheduleCheck();
    }
  }

  async #checkFile(): Promise<void> {
    const isFirst = this.#signature === null;
    const eventAt = this.#eventAt;
    this.#eventAt = null;
    this.#checkedAt = monotonicMs();
    const state = await inspectFile(this.#path);
    if (this.#isStopped) return;
    const now = monotonicMs();
    // At launch, the file is reported as it is, unless it may be in the middle of an edit.
    const hasChanged = isFirst ? mayBeChanging(state) : state.signature !== this.#signature;
    if (hasChanged) {
      // The next check comes late enough to find what is written without an event.
      const earliest = this.#checkedAt - (SETTLE_MS - this.#times.settlingMs);
      this.#changedAt = eventAt === null ? now : Math.max(eventAt, earliest);
      this.#isEventOnly = false;
    } else if (eventAt !== null) this.#noteEventAlone(eventAt);
    // The cause (a lock, a permission) can disappear without a trace on the file itself.
    else if (this.#lastContent?.kind === "unreadable") this.#changedAt ??= now - SETTLE_MS;
    this.#signature = state.signature;
    if (this.#changedAt === null) return;
    const isOverdue = this.#lastContent === null && now - this.#startedAt >= MAX_FIRST_WAIT_MS;
    if (isOverdue || now - this.#changedAt >= SETTLE_MS) await this.#readSettled(state);
  }

  /**
   * Where a file system keeps times in whole seconds, only the event shows a second write. It does
   * not defer a read that is due, because events can come late.
   */
  #noteEventAlone(eventAt: number): void {
    if (this.#changedAt !== null || this.#readsWithoutNews >= MAX_READS_WITHOUT_NEWS) return;
    this.#changedAt = eventAt;
    this.#isEventOnly = true;
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
    const isNew = this.#lastContent === null || !isSameContent(this.#lastContent, result);
    this.#readsWithoutNews = isNew || !this.#isEventOnly ? 0 : this.#readsWithoutNews + 1;
    if (!isNew) return;
    this.#lastContent = result;
    this.#listener(result);
  }
}

/** `isBusy`: another program may hold the file for a moment. */
interface Unreadable {
  readonly kind: "unreadable";
  readonly reason: string;
  readonly isBusy: boolean;
}
type FileState = (
  | { readonly kind: "file"; readonly size: number; readonly modifiedAt: number }
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
    size: Number(stats.size),
    modifiedAt: Number(stats.mtimeMs),
  };
}

/** By the wall clock, like a file's times; a network share's can be ahead of this machine's. */
function mayBeChanging(state: FileState): boolean {
  return state.kind === "file" && (state.size === 0 || Date.now() - state.modifiedAt < RECENT_MS);
}

/** Never rejects. */
async function readFile(path: string, state: FileState): Promise<ReadResult> {
  if (state.kind !== "file") return state;
  try {
    const bytes = await readBytes(path, state.size + 1);
    return bytes.length > state.size ? { kind: "changing" } : { kind: "content", bytes };
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" ? { kind: "changing" } : unreadable(code);
  }
}

/** At most `maxBytes`. The file is open for as short a time as possible, usually one read. */
async function readBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(maxBytes);
  let length = 0;
  const file = await open(path);
  try {
    for (let isEnd = false; !isEnd;) {
      const { bytesRead } = await file.read(bytes, length, maxBytes - length);
      length += bytesRead;
      isEnd = bytesRead === 0 || length >= maxBytes - 1;
    }
  } finally {
    await file.close();
  }
  return bytes.subarray(0, length);
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
