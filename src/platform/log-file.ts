import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";

import { loadLibrary } from "./lazy-modules.js";
import { makeFolder } from "./status-file.js";
import { monotonicMs } from "./system-clock.js";

const FILE_NAME = "worker.log";
const MAX_FILES = 10;
/** Output kept for a file that is being opened, and for a disk that is slow. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** If a disk takes longer to open or check the file, the records until then are dropped. */
const OPEN_TIMEOUT_MS = 5_000;
/** How long a file that could not be opened or written is not tried again. */
const REOPEN_MS = 10_000;
/** How long the file's place is taken for granted; a check costs one `stat`. */
const CHECK_INTERVAL_MS = 2_000;

type Line = string | Buffer;

export interface OpenLogFile {
  readonly stream: Writable;
  /** Whether the path still names this file. Never rejects. */
  isInPlace(): Promise<boolean>;
}

interface LogFileListener {
  /** The file cannot be opened or written; called once until `onRecovery`. */
  onFailure(error: unknown): void;
  /** A line was written again. */
  onRecovery(lostLines: number): void;
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
 * deletes or moves it, and a disk that is full, read-only or does not respond costs lines of the
 * file and nothing else.
 */
export class LogFile {
  readonly sink = sinkTo((line) => this.#write(line));
  readonly #openFile: () => Promise<OpenLogFile>;
  readonly #listener: LogFileListener;
  /** The file is being opened or checked. */
  #preparing: Promise<void> | null = null;
  /** Lines until the file is prepared; null while none are kept. */
  #buffered: Line[] | null = null;
  #bufferedBytes = 0;
  #file: OpenLogFile | null = null;
  #checkAt = 0;
  #reopenAt = 0;
  #hasFailed = false;
  #lostLines = 0;

  constructor(openFile: () => Promise<OpenLogFile>, listener: LogFileListener) {
    this.#openFile = openFile;
    this.#listener = listener;
    this.#prepare();
  }

  /** Resolves when every line is in the file, or if there is no file. */
  async close(): Promise<void> {
    await this.#preparing;
    this.#reopenAt = Infinity;
    this.#checkAt = Infinity;
    const file = this.#file;
    this.#file = null;
    if (file !== null) await end(file.stream);
  }

  #write(line: Line): void {
    const now = monotonicMs();
    const isDue = now >= (this.#file === null ? this.#reopenAt : this.#checkAt);
    if (this.#preparing === null && isDue) this.#prepare();
    if (this.#preparing === null) this.#send(line);
    else if (this.#buffered === null || this.#bufferedBytes >= MAX_BUFFERED_BYTES)
      this.#lostLines += 1;
    else {
      this.#buffered.push(line);
      this.#bufferedBytes += line.length;
    }
  }

  #send(line: Line): void {
    const stream = this.#file?.stream;
    if (stream === undefined || stream.writableLength >= MAX_BUFFERED_BYTES) {
      this.#lostLines += 1;
      return;
    }
    stream.write(line, (error) => {
      if (error instanceof Error) {
        this.#lostLines += 1;
      } else if (this.#hasFailed) {
        // Only now: a file on a full disk can be opened.
        this.#hasFailed = false;
        this.#listener.onRecovery(this.#lostLines);
        this.#lostLines = 0;
      }
    });
  }

  /** Opens the file, or checks that the open file is still in its place. Lines wait meanwhile. */
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
        for (const line of lines) this.#send(line);
      });
  }

  async #ensureFile(): Promise<void> {
    const previous = this.#file;
    if (previous !== null && !(await previous.isInPlace())) {
      this.#file = null;
      // Windows keeps the name of a deleted file in use until it is closed.
      await end(previous.stream);
    }
    if (this.#file === null) {
      const file = await this.#openFile();
      file.stream.on("error", (error) => {
        if (this.#file !== file) return;
        this.#file = null;
        this.#fail(error);
      });
      this.#file = file;
    }
    this.#checkAt = Math.max(this.#checkAt, monotonicMs() + CHECK_INTERVAL_MS);
  }

  #fail(error: unknown): void {
    this.#reopenAt = Math.max(this.#reopenAt, monotonicMs() + REOPEN_MS);
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#listener.onFailure(error);
  }
}

async function end(stream: Writable): Promise<void> {
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once("close", resolve).end(resolve));
}

/**
 * Opens `<directory>/worker.log` and creates the folder. winston's own File loses records while it
 * rotates.
 */
export async function openRotatingFile(
  directory: string,
  maxFileSize: string,
): Promise<OpenLogFile> {
  await makeFolder(directory);
  const path = join(directory, FILE_NAME);
  const isCutOff = await endsWithinLine(path);
  const { createStream } = await loadLibrary("rotating-file-stream");
  const fileName = (index: number | Date | null): string =>
    typeof index === "number" ? `worker.${index}.log` : FILE_NAME;
  const stream = createStream(fileName, {
    path: directory,
    size: maxFileSize,
    rotate: MAX_FILES - 1,
  });
  stream.on("warning", () => undefined);

  // Null while the file is being rotated.
  let identity: Promise<string | null> | null = null;
  stream.on("rotation", () => (identity = null));
  await new Promise<void>((resolve, reject) => {
    stream.on("error", reject);
    stream.on("open", () => {
      identity = identify(path);
      resolve();
    });
  });
  if (isCutOff) stream.write("\n");
  return {
    stream,
    isInPlace: async () => {
      const [opened, current] = await Promise.all([identity, identify(path)]);
      return opened === null || current === null || (current !== "" && current === opened);
    },
  };
}

/** A disk that was full, or a machine that crashed, may have cut the last line off. */
async function endsWithinLine(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  // Opening a pipe would wait for its writer.
  if (stats?.isFile() !== true || stats.size === 0) return false;
  const file = await open(path, "r").catch(() => null);
  try {
    const result = await file?.read(Buffer.alloc(1), 0, 1, stats.size - 1);
    return result?.bytesRead === 1 && result.buffer.toString() !== "\n";
  } catch {
    return false;
  } finally {
    await file?.close();
  }
}

/** Identifies the file at a path; "" if there is none, null if the system does not say. */
async function identify(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? null : "";
  }
}
