import type { BigIntStats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";

import type { Disposer } from "../faults/emitter.js";
import type { FileContent, SettingsFile } from "../ports/settings-file.js";
import { FolderWatcher } from "./folder-doorbell.js";
import { monotonicMs } from "./system-clock.js";

/** How long a file must stay unchanged before it is read: longer than an editor that writes in pieces pauses (200 ms). */
const SETTLE_MS = 350;
/** Between two looks while the file is changing. */
const SETTLING_POLL_MS = 50;
/**
 * Between two looks while nothing has been heard. Events alone are not enough: network shares deliver none, a folder that is not
 * there cannot be watched, and each system drops some. Two `stat` calls four times a second cost next to nothing, and with QUIET_MS
 * keep an edit under a second without any event.
 */
const IDLE_POLL_MS = 250;
/** A file that a backup, a virus scanner or an editor holds for a moment is tried so many times before that is told. */
const MAX_BUSY_READS = 4;
const BUSY_CODES = new Set(["EBUSY", "EPERM", "EACCES"]);
const MAX_BYTES = 1024 * 1024;

/** A file on disk, read once it has settled; what has not changed is not told again. A symbolic link is followed. */
export class DiskSettingsFile implements SettingsFile {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  watch(listener: (content: FileContent) => void): Disposer {
    const watch = new FileWatch(this.path, listener);
    watch.start();
    return () => {
      watch.stop();
    };
  }
}

/**
 * One loop that looks at the file and reads it when two looks QUIET_MS apart, and all between, saw the same. Chokidar on the folder is
 * the doorbell that starts a look at once; its own `awaitWriteFinish` is not used, because it sees sizes alone.
 */
class FileWatch {
  readonly #path: string;
  readonly #listener: (content: FileContent) => void;
  readonly #folderWatcher: FolderWatcher;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #hasEvent = false;
  #signature: string | null = null;
  /** When the file was last seen to change; null: what is there has been told. */
  #changedAt: number | null = null;
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
    // The first text is told as it is found, without waiting for it to settle: nobody should wait for settings at launch.
    this.#changedAt = -Infinity;
    void this.#check();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#folderWatcher.close();
  }

  /** A call, because what is awaited in between can change it. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  #scheduleCheck(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#check(), delayMs).unref();
  }

  async #check(): Promise<void> {
    this.#isChecking = true;
    try {
      await this.#checkFile();
      if (!this.#isStopped()) await this.#folderWatcher.ensureOpen();
    } finally {
      this.#isChecking = false;
      this.#scheduleCheck(
        this.#changedAt === null && !this.#hasEvent ? IDLE_POLL_MS : SETTLING_POLL_MS,
      );
    }
  }

  async #checkFile(): Promise<void> {
    const isFirst = this.#signature === null;
    const rung = this.#hasEvent;
    this.#hasEvent = false;
    const found = await inspectFile(this.#path);
    if (this.#isStopped()) return;
    const now = monotonicMs();
    if (!isFirst && found.signature !== this.#signature) this.#changedAt = now;
    // A ring alone is a change too: where a file system keeps times in whole seconds, the signature may not show a second write. But it
    // never puts off a reading that is due, for rings can come late.
    else if (rung) this.#changedAt ??= now;
    // What was in the way (a lock, a permission) can go without a trace on the file itself.
    else if (this.#lastContent?.kind === "unreadable") this.#changedAt ??= now - SETTLE_MS;
    this.#signature = found.signature;
    if (this.#changedAt === null || now - this.#changedAt < SETTLE_MS) return;

    const read = await readFile(this.#path, found);
    const after = read.kind === "content" ? await inspectFile(this.#path) : found;
    if (this.#isStopped()) return;
    if (read.kind === "changing" || after.signature !== found.signature) {
      this.#changedAt = monotonicMs();
      return;
    }
    const isTransient =
      read.kind === "unreadable" && read.busy && this.#lastContent?.kind !== "unreadable";
    if (isTransient && ++this.#busyReads < MAX_BUSY_READS) return;
    this.#busyReads = 0;
    this.#changedAt = null;
    this.#emitIfChanged(read);
  }

  #emitIfChanged(content: FileContent): void {
    if (this.#lastContent !== null && sameContent(this.#lastContent, content)) return;
    this.#lastContent = content;
    this.#listener(content);
  }
}

type FileState =
  | { readonly kind: "file"; readonly signature: string }
  | { readonly kind: "absent"; readonly signature: string }
  | {
      readonly kind: "unreadable";
      readonly signature: string;
      readonly reason: string;
      readonly busy: boolean;
    };

type ReadResult =
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "changing" }
  | { readonly kind: "unreadable"; readonly reason: string; readonly busy: boolean };

/** Never rejects. The signature changes with every write that the file system lets one see. */
async function inspectFile(path: string): Promise<FileState> {
  let stats: BigIntStats;
  try {
    stats = await stat(path, { bigint: true });
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "absent", signature: "absent" };
    return { kind: "unreadable", signature: code, ...unreadable(code) };
  }
  const signature = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":");
  if (stats.isDirectory())
    return { kind: "unreadable", signature, reason: "it is a folder", busy: false };
  if (!stats.isFile())
    return { kind: "unreadable", signature, reason: "it is not a file", busy: false };
  if (stats.size > MAX_BYTES)
    return { kind: "unreadable", signature, reason: "it is larger than 1 MB", busy: false };
  return { kind: "file", signature };
}

/** Never rejects. */
async function readFile(path: string, found: FileState): Promise<ReadResult> {
  if (found.kind !== "file") return found;
  try {
    const handle = await open(path, "r");
    try {
      const buffer = new Uint8Array(MAX_BYTES + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) break;
      }
      return length > MAX_BYTES
        ? { kind: "changing" }
        : { kind: "content", bytes: buffer.slice(0, length) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" ? { kind: "changing" } : { kind: "unreadable", ...unreadable(code) };
  }
}

function unreadable(code: string): { reason: string; busy: boolean } {
  const busy = BUSY_CODES.has(code);
  if (code === "EACCES" || code === "EPERM")
    return { reason: "the worker's account is not allowed to read it", busy };
  if (code === "EBUSY") return { reason: "another program keeps it locked", busy };
  return { reason: `the system answers ${code}`, busy };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "with an unknown error";
}

function sameContent(a: FileContent, b: FileContent): boolean {
  if (a.kind === "content") return b.kind === "content" && Buffer.compare(a.bytes, b.bytes) === 0;
  if (a.kind === "unreadable") return b.kind === "unreadable" && a.reason === b.reason;
  return b.kind === a.kind;
}
