import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

const { O_RDONLY } = constants;
/** Windows has neither, and Node's types do not say so. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;
/** The worker keeps ten files (platform/log-disk-files.ts). */
const LOG_NAMES = ["worker.log", ...Array.from({ length: 9 }, (_, at) => `worker.${at + 1}.log`)];
/** The record that begins a start of the worker, as it is in the file. */
const START = '"message":"The worker is starting."';
const CHUNK_BYTES = 256 * 1024;
/** A record is some hundred bytes long. What is longer is cut, so that it takes little memory. */
const MAX_LINE_BYTES = 64 * 1024;

/** A part of a log file, from `start` to before `end`. */
interface Range {
  readonly name: string;
  readonly file: FileHandle;
  readonly start: number;
  readonly end: number;
}

/** One text of the bundle, from one or several files, the oldest first. */
export interface LogText {
  readonly name: string;
  /** Empty if nothing was cut, or if only the end is kept. */
  readonly head: readonly Range[];
  readonly tail: readonly Range[];
  /** How many bytes were left out between the two. */
  readonly cut: number;
  /** How many are kept. */
  readonly bytes: number;
}

export interface LogLimits {
  /** Of the log since the last start: so much from its beginning and from its end. */
  readonly headBytes: number;
  readonly tailBytes: number;
  /** Of all older records together; the newest are kept. */
  readonly olderBytes: number;
}

export const LOG_LIMITS: LogLimits = {
  headBytes: 4 * 2 ** 20,
  tailBytes: 20 * 2 ** 20,
  olderBytes: 40 * 2 ** 20,
};

/**
 * The log files of a folder, opened together, since the worker may rename them at any time. What is
 * no file of its own, such as a link, is not read.
 */
export class LogFolder {
  /** Those that exist but cannot be read, with the code of the error. */
  readonly unreadable: readonly { readonly name: string; readonly code: string }[];
  /** The newest first. */
  readonly #files: readonly Range[];

  private constructor(files: readonly Range[], unreadable: LogFolder["unreadable"]) {
    this.#files = files;
    this.unreadable = unreadable;
  }

  /** Never rejects. */
  static async open(folder: string | null): Promise<LogFolder> {
    const files: Range[] = [];
    const unreadable: { name: string; code: string }[] = [];
    const identities = new Set<string>();
    for (const name of folder === null ? [] : LOG_NAMES) {
      try {
        const file = await openLog(join(folder ?? "", name));
        const { size, dev, ino } = await file.stat();
        // Renamed since the one before was opened.
        const isKnown = ino !== 0 && identities.has(`${dev}:${ino}`);
        identities.add(`${dev}:${ino}`);
        if (isKnown) await file.close();
        else files.push({ name, file, start: 0, end: size });
      } catch (error) {
        const { code = "unknown error" } = error as NodeJS.ErrnoException;
        if (code !== "ENOENT" && code !== "ENOTDIR") unreadable.push({ name, code });
      }
    }
    return new LogFolder(files, unreadable);
  }

  /**
   * Divides the log at the last start of the worker: the text since then, or null if there is no
   * log, and the older texts, the newest first. Without a record of a start, all is older but the
   * newest file.
   */
  async divide({ headBytes, tailBytes, olderBytes }: LogLimits): Promise<{
    readonly lastStart: LogText | null;
    readonly older: readonly LogText[];
    /** Whether the record of the start is there. */
    readonly hasStart: boolean;
  }> {
    const since: Range[] = [];
    const before: Range[] = [];
    let hasStart = false;
    for (const range of this.#files) {
      if (hasStart) {
        before.push(range);
        continue;
      }
      const at = await findLast(range, START);
      hasStart = at !== null;
      since.unshift({ ...range, start: at ?? range.start });
      if (at !== null && at > range.start) before.push({ ...range, end: at });
    }
    if (!hasStart) before.push(...since.splice(0, since.length - 1).reverse());
    let bytesLeft = olderBytes;
    const older = before.map((range) => {
      const text = cutText(range.name, [range], 0, bytesLeft);
      bytesLeft -= text.bytes;
      return text;
    });
    const lastStart =
      since.length === 0 ? null : cutText("last-start.log", since, headBytes, tailBytes);
    return { lastStart, older: older.filter(({ bytes }) => bytes > 0), hasStart };
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(({ file }) => file.close().catch(() => undefined)));
  }
}

/** The lines of a text, without their ends, and a line that says what was cut. */
export async function* readLines({ head, tail, cut }: LogText): AsyncGenerator<string> {
  for (const range of head) yield* readRange(range);
  if (cut > 0) yield `[${cut} bytes of the log were left out here]`;
  for (const range of tail) yield* readRange(range);
}

/** The last line of a text that contains a phrase, or null. Reads backwards from its end. */
export async function findLastLine(text: LogText, phrase: string): Promise<string | null> {
  for (const range of [...text.head, ...text.tail].reverse()) {
    const at = await findLast(range, phrase);
    if (at === null) continue;
    const { value } = await readRange({ ...range, start: at }).next();
    return value ?? null;
  }
  return null;
}

async function openLog(path: string): Promise<FileHandle> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw Object.assign(new Error("not a file"), { code: "not a file" });
}

/** Keeps the beginning and the end, if all is more than both. */
function cutText(
  name: string,
  ranges: readonly Range[],
  headBytes: number,
  tailBytes: number,
): LogText {
  const total = sizeOf(ranges);
  if (total <= headBytes + tailBytes) return { name, head: [], tail: ranges, cut: 0, bytes: total };
  const bytes = headBytes + tailBytes;
  const head = part(ranges, 0, headBytes);
  const tail = part(ranges, total - tailBytes, total);
  return { name, head, tail, cut: total - bytes, bytes };
}

function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** The bytes from `from` to before `to` of ranges that follow one another. */
function part(ranges: readonly Range[], from: number, to: number): Range[] {
  let offset = 0;
  return ranges.flatMap((range) => {
    const { start, end } = range;
    const shift = start - offset;
    offset += end - start;
    const partStart = Math.max(start, from + shift);
    const partEnd = Math.min(end, to + shift);
    return partStart < partEnd ? [{ ...range, start: partStart, end: partEnd }] : [];
  });
}

const NOTHING = Buffer.alloc(0);

async function* readRange({ file, start, end }: Range): AsyncGenerator<string, undefined> {
  let rest: Buffer = NOTHING;
  let skipped = 0;
  for (let position = start; position < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    let lineStart = 0;
    for (
      let at = buffer.indexOf(10);
      at !== -1 && at < bytesRead;
      at = buffer.indexOf(10, at + 1)
    ) {
      const lineEnd = buffer.subarray(lineStart, at);
      yield toLine(rest.length === 0 ? lineEnd : Buffer.concat([rest, lineEnd]), skipped);
      rest = NOTHING;
      skipped = 0;
      lineStart = at + 1;
    }
    rest = Buffer.concat([rest, buffer.subarray(lineStart, bytesRead)]);
    if (rest.length > MAX_LINE_BYTES) {
      skipped += rest.length - MAX_LINE_BYTES;
      rest = rest.subarray(0, MAX_LINE_BYTES);
    }
  }
  if (rest.length > 0) yield toLine(rest, skipped);
  return undefined;
}

function toLine(bytes: Buffer, skipped: number): string {
  const excess = Math.max(0, bytes.length - MAX_LINE_BYTES) + skipped;
  const text = bytes.subarray(0, MAX_LINE_BYTES).toString("utf8").replace(/\r$/, "");
  return excess === 0 ? text : `${text} [${excess} bytes of this line were left out]`;
}

/** The offset of the beginning of the last line with a phrase, or null. */
async function findLast({ file, start, end }: Range, phrase: string): Promise<number | null> {
  const wanted = Buffer.from(phrase);
  const buffer = Buffer.alloc(CHUNK_BYTES + MAX_LINE_BYTES);
  for (let upper = end; upper > start; upper -= CHUNK_BYTES) {
    // With as much of what follows as a phrase at the end of the chunk takes.
    const lower = Math.max(start, upper - CHUNK_BYTES);
    const length = Math.min(end, upper + wanted.length) - lower;
    const { bytesRead } = await file.read(buffer, 0, length, lower);
    const at = buffer.subarray(0, bytesRead).lastIndexOf(wanted);
    if (at === -1) continue;
    return findLineStart(file, start, lower + at);
  }
  return null;
}

async function findLineStart(file: FileHandle, start: number, position: number): Promise<number> {
  const lower = Math.max(start, position - MAX_LINE_BYTES);
  const buffer = Buffer.alloc(position - lower);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, lower);
  return lower + buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
}
