import { Writable } from "node:stream";

import { monotonicMs } from "./system-clock.js";

/** The size that a file may reach while it cannot be rotated, as a multiple of its limit. */
const MAX_OVERSIZE = 10;
/** Output kept for a file that is being opened, and for a disk that is slow. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** If a disk takes longer to open or check the file, the records until then are dropped. */
const OPEN_TIMEOUT_MS = 5_000;
/** How long a file that could not be opened, written or rotated is not tried again. */
const RETRY_MS = 10_000;
/** How long the file's place is taken for granted; a check costs one `stat`. */
const CHECK_INTERVAL_MS = 2_000;

type Line = string | Buffer;

export interface OpenLogFile {
  readonly stream: Writable;
  /** Bytes in the file when it was opened. */
  readonly size: number;
  /** Whether the path still names this file. Never rejects. */
  isInPlace(): Promise<boolean>;
}

/** The log file and its predecessors on the disk. */
export interface LogFiles {
  /** Opens the file to append to it. */
  open(): Promise<OpenLogFile>;
  /**
   * Moves the file, which may be open, out of its place and among its predecessors. If it rejects,
   * the file is still in its place, and a later call continues.
   */
  rotate(): Promise<void>;
}

interface LogFileListener {
  /** The file cannot be opened or written; called once until `onRecovery`. */
  onFailure(error: unknown): void;
  /** A line was written after a failure, or after lines were dropped. */
  onRecovery(lostLines: number): void;
  /** The file is full and cannot be rotated; called once until `onRotation`. */
  onRotationFailure(error: unknown): void;
  /** The file was rotated after a failure. */
  onRotation(): void;
}

/** A stream that accepts each line at once. */
export function sinkTo(write: (line: Line) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write: (line: Line, _encoding, done): void => {
      write(line);
      done();
    },
  });
}

/**
 * A file that its writer never waits for: it is opened in the background, opened again if somebody
 * deletes or moves it, and rotated when it has `maxBytes`. A disk that is full, read-only or does
 * not respond costs lines of the file and nothing else. While another program prevents the
 * rotation, the file grows to ten times its limit.
 */
export class LogFile {
  readonly sink = sinkTo((line) => this.#write(line));
  readonly #files: LogFiles;
  readonly #maxBytes: number;
  readonly #listener: LogFileListener;
  /** The file is being opened, checked or rotated. */
  #preparing: Promise<void> | null = null;
  /** Lines until the file is prepared; null while none are kept. */
  #buffered: Line[] | null = null;
  #bufferedBytes = 0;
  #file: OpenLogFile | null = null;
  /** Bytes in the file, including those that the stream has yet to write. */
  #size = 0;
  #checkAt = 0;
  #reopenAt = 0;
  #rotateAt = 0;
  #hasFailed = false;
  #rotationError: unknown = null;
  #lostLines = 0;

  constructor(files: LogFiles, maxBytes: number, listener: LogFileListener) {
    this.#files = files;
    this.#maxBytes = maxBytes;
    this.#listener = listener;
    this.#prepare();
  }

  /** Resolves when every line is in the file, or if there is no file. */
  async close(): Promise<void> {
    // The lines that waited for one rotation may be enough for the next.
    while (this.#preparing !== null) await this.#preparing;
    this.#reopenAt = Infinity;
    this.#checkAt = Infinity;
    this.#rotateAt = Infinity;
    await this.#closeFile();
  }

  #write(line: Line): void {
    if (this.#preparing === null && this.#isPreparationDue()) this.#prepare();
    if (this.#preparing === null) this.#send(line);
    else if (this.#buffered === null || this.#bufferedBytes >= MAX_BUFFERED_BYTES)
      this.#lostLines += 1;
    else {
      this.#buffered.push(line);
      this.#bufferedBytes += line.length;
    }
  }

  #isPreparationDue(): boolean {
    const now = monotonicMs();
    if (this.#file === null) return now >= this.#reopenAt;
    return now >= this.#checkAt || (this.#size >= this.#maxBytes && now >= this.#rotateAt);
  }

  #send(line: Line): void {
    const stream = this.#file?.stream;
    const isOversized = this.#size >= this.#maxBytes * MAX_OVERSIZE;
    if (stream !== undefined && isOversized) this.#fail(this.#rotationError);
    if (stream === undefined || isOversized || stream.writableLength >= MAX_BUFFERED_BYTES) {
      this.#lostLines += 1;
      return;
    }
    this.#size += Buffer.byteLength(line);
    const isAttempt = this.#hasFailed;
    stream.write(line, (error) => {
      if (error instanceof Error) {
        this.#lostLines += 1;
        return;
      }
      // Only now: a file on a full disk can be opened. After a failure at once, but not for a line
      // from before it; otherwise when the disk has caught up, so that one report covers all lines.
      const hasRecovered = this.#hasFailed
        ? isAttempt
        : this.#lostLines > 0 && stream.writableLength === 0;
      if (!hasRecovered) return;
      const lostLines = this.#lostLines;
      this.#hasFailed = false;
      this.#lostLines = 0;
      this.#listener.onRecovery(lostLines);
    });
  }

  /** Opens the file, or checks that it is still in its place, and rotates it. Lines wait. */
  #prepare(): void {
    this.#buffered = [];
    this.#bufferedBytes = 0;
    const timeout = setTimeout(() => {
      this.#lostLines += this.#buffered?.length ?? 0;
      this.#buffered = null;
    }, OPEN_TIMEOUT_MS).unref();
    this.#preparing = this.#ensureFile()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        clearTimeout(timeout);
        const lines = this.#buffered ?? [];
        this.#buffered = null;
        this.#preparing = null;
        for (const line of lines) this.#write(line);
      });
  }

  async #ensureFile(): Promise<void> {
    // Windows keeps the name of a deleted file in use until it is closed.
    if (this.#file !== null && !(await this.#file.isInPlace())) await this.#closeFile();
    if (this.#file === null) await this.#openFile();
    if (this.#size >= this.#maxBytes && monotonicMs() >= this.#rotateAt) await this.#rotate();
    this.#checkAt = Math.max(this.#checkAt, monotonicMs() + CHECK_INTERVAL_MS);
  }

  async #openFile(): Promise<void> {
    const file = await this.#files.open();
    file.stream.on("error", (error) => {
      if (this.#file !== file) return;
      this.#file = null;
      this.#fail(error);
    });
    this.#file = file;
    this.#size = file.size;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file !== null) await end(file.stream);
  }

  /** The file stays open until it has been moved, so that a failure costs no line. */
  async #rotate(): Promise<void> {
    try {
      await this.#files.rotate();
    } catch (error) {
      this.#rotateAt = Math.max(this.#rotateAt, monotonicMs() + RETRY_MS);
      const isFirst = this.#rotationError === null;
      this.#rotationError = error;
      if (isFirst) this.#listener.onRotationFailure(error);
      return;
    }
    await this.#closeFile();
    await this.#openFile();
    if (this.#rotationError !== null) this.#listener.onRotation();
    this.#rotationError = null;
  }

  #fail(error: unknown): void {
    this.#reopenAt = Math.max(this.#reopenAt, monotonicMs() + RETRY_MS);
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#listener.onFailure(error);
  }
}

async function end(stream: Writable): Promise<void> {
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once("close", resolve).end(resolve));
}
