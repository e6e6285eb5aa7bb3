import { Writable } from "node:stream";

import { makeFolder } from "./make-folder.js";

const FILE_SIZE = "10M";
const FILE_COUNT = 10;
/** What is kept for the file while it is being opened, and while a disk does not take what it was given. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** A disk that takes longer to open a file gets no records from before it did. */
const OPEN_TIMEOUT_MS = 5_000;

/**
 * `<directory>/worker.log`, ten files of 10 MB. Opened behind the writer, who never waits for it: a disk that is full, read-only or
 * does not answer costs lines of the file, and nothing else.
 */
export class LogFile {
  /** Takes each line at once. */
  readonly sink: Writable;
  readonly #opened: Promise<void>;
  /** Lines for a file that is not open yet; null when none are kept. */
  #buffered: (string | Buffer)[] | null = [];
  #bufferedBytes = 0;
  #file: Writable | null = null;

  /** `onFailure` hears why there will be no file. */
  constructor(
    directory: string,
    onFailure: (error: unknown) => void,
    open: (directory: string) => Promise<Writable> = openRotating,
  ) {
    this.sink = new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done): void => {
        this.#write(chunk);
        done();
      },
    });
    const timeout = setTimeout(() => this.#discardBuffered(), OPEN_TIMEOUT_MS);
    timeout.unref();
    this.#opened = open(directory)
      .then((file) => this.#onOpen(file))
      .catch(onFailure)
      .finally(() => {
        clearTimeout(timeout);
        this.#discardBuffered();
      });
  }

  /** Resolves when what was written is in the file, or when there is none. */
  async close(): Promise<void> {
    await this.#opened;
    const file = this.#file;
    this.#file = null;
    if (file === null || file.destroyed) return;
    await new Promise<void>((resolve) => {
      file.once("close", resolve);
      file.end(resolve);
    });
  }

  #write(chunk: string | Buffer): void {
    if (this.#file !== null) {
      if (this.#file.writableLength < MAX_BUFFERED_BYTES) this.#file.write(chunk);
    } else if (this.#buffered !== null && this.#bufferedBytes < MAX_BUFFERED_BYTES) {
      this.#buffered.push(chunk);
      this.#bufferedBytes += chunk.length;
    }
  }

  #onOpen(file: Writable): void {
    const buffered = this.#buffered ?? [];
    this.#file = file;
    for (const chunk of buffered) file.write(chunk);
  }

  #discardBuffered(): void {
    this.#buffered = null;
  }
}

/** Not winston's File: it loses records that come while it turns to the next file. */
async function openRotating(directory: string): Promise<Writable> {
  await makeFolder(directory);
  const { createStream } = await import("rotating-file-stream");
  const fileName = (index: number | Date | null): string =>
    typeof index === "number" ? `worker.${index}.log` : "worker.log";
  const file = createStream(fileName, { path: directory, size: FILE_SIZE, rotate: FILE_COUNT - 1 });
  file.on("error", () => undefined);
  file.on("warning", () => undefined);
  return file;
}
