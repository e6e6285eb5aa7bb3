import { Writable } from "node:stream";
import type * as Winston from "winston";

import { Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { LogFields, Logger, LogLevel } from "../ports/logger.js";
import { LibraryLoadError, loadLibrary } from "./lazy-modules.js";
import { mapStack } from "./source-positions.js";
import { makeFolder } from "./status-file.js";
import { monotonicMs, withTimeout } from "./system-clock.js";

/** Records kept while winston is being loaded. */
const MAX_PENDING_RECORDS = 1_000;
/** Output kept for a host that does not read stderr. */
const MAX_UNREAD_STDERR_BYTES = 1024 * 1024;
/** Delays the loading of winston, so that it does not delay the first answer. */
const LOAD_DELAY_MS = 50;

const MAX_FILE_SIZE = "10M";
const MAX_FILES = 10;
/** Output kept for a file that is being opened, and for a disk that is slow. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** If a disk takes longer to open the file, the records until then are dropped. */
const OPEN_TIMEOUT_MS = 5_000;
/** How long a file that could not be opened is not tried again. */
const REOPEN_MS = 10_000;

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug"];

interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly timestamp: string;
  readonly fields: LogFields;
}

type Stderr = NodeJS.WritableStream & { readonly writableLength?: number };

interface WinstonLogOptions {
  readonly stderr?: Stderr;
  /** As rotating-file-stream reads it: a number with the unit `B`, `K`, `M` or `G`. */
  readonly maxFileSize?: string;
}

/**
 * Writes one line for each record to stderr, and JSON lines to `<directory>/worker.log`. A full or
 * read-only disk, or a host that does not read stderr, costs records, but never blocks the service
 * or the other output.
 */
export class WinstonLog implements Logger {
  readonly #directory: string;
  readonly #stderr: Stderr;
  readonly #maxFileSize: string;
  #level: LogLevel;
  #pending: LogRecord[] = [];
  #logger: Winston.Logger | null = null;
  #loading: Promise<void> | null = null;
  #hasLoadFailed = false;
  #file: LogFile | null = null;
  #isClosed = false;

  constructor(
    directory: string,
    level: LogLevel,
    { stderr = process.stderr, maxFileSize = MAX_FILE_SIZE }: WinstonLogOptions = {},
  ) {
    this.#directory = directory;
    this.#level = level;
    this.#stderr = stderr;
    this.#maxFileSize = maxFileSize;
    stderr.on("error", () => undefined);
  }

  readonly error: Logger["error"] = (message, fields) => this.#write("error", message, fields);
  readonly warn: Logger["warn"] = (message, fields) => this.#write("warn", message, fields);
  readonly info: Logger["info"] = (message, fields) => this.#write("info", message, fields);
  readonly debug: Logger["debug"] = (message, fields) => this.#write("debug", message, fields);

  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  /** Writes pending records and closes the file, within `deadlineMs`. Idempotent. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await withTimeout(this.#drain(), deadlineMs, undefined);
  }

  async #drain(): Promise<void> {
    if (this.#pending.length > 0) this.#startLoading(0);
    await this.#loading;
    this.#logger?.end();
    await this.#file?.close();
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (this.#isClosed || LEVELS.indexOf(level) > LEVELS.indexOf(this.#level)) return;
    const record = { level, message, timestamp: new Date().toISOString(), fields };
    if (this.#logger !== null) {
      writeRecord(this.#logger, record);
      return;
    }
    if (this.#pending.length < MAX_PENDING_RECORDS) this.#pending.push(record);
    this.#startLoading(LOAD_DELAY_MS);
  }

  /** Never rejects: after a failure, the next record starts another attempt. */
  #startLoading(delayMs: number): void {
    this.#loading ??= new Promise((resolve) => setTimeout(resolve, delayMs).unref())
      .then(() => this.#load())
      .catch((error: unknown) => {
        this.#loading = null;
        const text =
          error instanceof LibraryLoadError
            ? `${error.message} Log records are kept until it can be. ${error.hint}`
            : `The log cannot be started: ${String(error)}`;
        if (!this.#hasLoadFailed) this.#stderr.write(`${new Date().toISOString()} error ${text}\n`);
        this.#hasLoadFailed = true;
      });
  }

  async #load(): Promise<void> {
    const { default: winston } = await loadLibrary("winston");
    const lineFormat = winston.format.printf((info) => {
      const fields = info.fields as Record<string, unknown>;
      const suffix = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
      const message = String(info.message).replace(/\s*[\r\n]+\s*/g, " ");
      return `${String(info.timestamp)} ${info.level} ${message}${suffix}`;
    });
    const jsonFormat = winston.format.printf(({ timestamp: time, level, message, fields }) =>
      JSON.stringify({ time, level, message, ...(fields as object) }),
    );
    const stderr = sinkTo((chunk) => {
      if ((this.#stderr.writableLength ?? 0) < MAX_UNREAD_STDERR_BYTES) this.#stderr.write(chunk);
    });
    this.#file = new LogFile(
      () => openRotatingFile(this.#directory, this.#maxFileSize),
      (error) => this.#warnNoFile(error),
    );
    const logger = winston.createLogger({
      level: "debug",
      // Not winston's Console: it writes most levels to stdout, which carries the protocol.
      transports: [
        new winston.transports.Stream({ stream: stderr, format: lineFormat }),
        new winston.transports.Stream({ stream: this.#file.sink, format: jsonFormat }),
      ],
      exitOnError: false,
    });
    logger.on("error", () => undefined);
    this.#logger = logger;
    for (const record of this.#pending.splice(0)) writeRecord(logger, record);
  }

  #warnNoFile(error: unknown): void {
    if (error instanceof LibraryLoadError) {
      const text = "A library of the worker could not be loaded, so the log goes to stderr only.";
      this.warn(text, { cause: error.message, hint: error.hint });
      return;
    }
    this.warn(
      "The log file cannot be opened in this folder, so the log goes to stderr only. Name another folder with --log-dir.",
      { directory: this.#directory, code: (error as NodeJS.ErrnoException).code },
    );
  }
}

function writeRecord(logger: Winston.Logger, record: LogRecord): void {
  const { message, fields } = record;
  logger.log({ ...record, message: redactText(message), fields: redact(fields) });
}

/** A stream that accepts each line at once. */
function sinkTo(write: (line: string | Buffer) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write: (line: string | Buffer, _encoding, done): void => {
      write(line);
      done();
    },
  });
}

/**
 * A file that its writer never waits for: it is opened in the background, and a disk that is full,
 * read-only or does not respond costs lines of the file and nothing else.
 */
export class LogFile {
  readonly sink = sinkTo((line) => this.#write(line));
  readonly #openFile: () => Promise<Writable>;
  readonly #onFailure: (error: unknown) => void;
  #opening: Promise<void> | null = null;
  /** Lines for a file that is being opened; null while none are kept. */
  #buffered: (string | Buffer)[] | null = null;
  #bufferedBytes = 0;
  #file: Writable | null = null;
  #reopenAt = 0;
  #hasFailed = false;

  /** Calls `onFailure` if the file cannot be opened, once until it can: later lines try again. */
  constructor(openFile: () => Promise<Writable>, onFailure: (error: unknown) => void) {
    this.#openFile = openFile;
    this.#onFailure = onFailure;
    this.#open();
  }

  /** Resolves when every line is in the file, or if there is no file. */
  async close(): Promise<void> {
    this.#reopenAt = Infinity;
    await this.#opening;
    const file = this.#file;
    this.#file = null;
    if (file === null || file.destroyed) return;
    await new Promise<void>((resolve) => file.once("close", resolve).end(resolve));
  }

  #write(chunk: string | Buffer): void {
    if (this.#file !== null) {
      if (this.#file.writableLength < MAX_BUFFERED_BYTES) this.#file.write(chunk);
      return;
    }
    if (this.#opening === null && monotonicMs() >= this.#reopenAt) this.#open();
    if (this.#buffered === null || this.#bufferedBytes >= MAX_BUFFERED_BYTES) return;
    this.#buffered.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  #open(): void {
    this.#buffered = [];
    this.#bufferedBytes = 0;
    const timeout = setTimeout(() => {
      this.#buffered = null;
    }, OPEN_TIMEOUT_MS).unref();
    this.#opening = this.#openFile()
      .then((file) => {
        this.#file = file;
        this.#hasFailed = false;
        for (const chunk of this.#buffered ?? []) file.write(chunk);
      })
      .catch((error: unknown) => {
        this.#reopenAt = Math.max(this.#reopenAt, monotonicMs() + REOPEN_MS);
        if (!this.#hasFailed) this.#onFailure(error);
        this.#hasFailed = true;
      })
      .finally(() => {
        clearTimeout(timeout);
        this.#buffered = null;
        this.#opening = null;
      });
  }
}

/** Opens `<directory>/worker.log`. winston's own File loses records while it rotates. */
async function openRotatingFile(directory: string, maxFileSize: string): Promise<Writable> {
  await makeFolder(directory);
  const { createStream } = await loadLibrary("rotating-file-stream");
  const fileName = (index: number | Date | null): string =>
    typeof index === "number" ? `worker.${index}.log` : "worker.log";
  const options = { path: directory, size: maxFileSize, rotate: MAX_FILES - 1 };
  const file = createStream(fileName, options);
  return file.on("error", () => undefined).on("warning", () => undefined);
}

const SECRET_MEMBER =
  /^(authorization|proxy-authorization|cookie|.*token|.*secret|password|device_?code|code_?verifier)$/i;
const SECRETS_IN_TEXT = [
  /\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}/g,
  /\b((?:access_|refresh_)?token|client_secret|code|device_code|code_verifier|password)=[^&\s"']+/gi,
];
const MAX_DEPTH = 6;

/**
 * Returns a copy of a log field without secrets: a `Secret`, and a text whose name says that it is
 * one, becomes `[secret]`; credentials inside texts are replaced. Errors become plain objects with
 * their stack and causes, and nothing is nested deeper than six levels.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return `[${typeof value}]`;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Secret) return "[secret]";
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  const members = Object.entries(value).map(([name, member]) => {
    const isSecret = SECRET_MEMBER.test(name) && typeof member === "string";
    return [name, isSecret ? "[secret]" : redact(member, depth + 1)];
  });
  return Object.fromEntries(members);
}

export function redactText(text: string): string {
  return SECRETS_IN_TEXT.reduce(
    (redacted, pattern) => redacted.replace(pattern, (_match, name: string) => `${name} [secret]`),
    text,
  );
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    ...(error instanceof Fault && {
      code: error.code,
      status: error.status,
      trackingId: error.trackingId,
      data: redact(error.data, depth + 1),
    }),
    message: redactText(error.message),
    stack: redactText(mapStack(error.stack ?? "")),
    ...(error.cause !== undefined && { cause: redact(error.cause, depth + 1) }),
  };
}
