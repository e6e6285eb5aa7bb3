import type { Writable } from "node:stream";

import type * as Winston from "winston";

import { Fault } from "../faults/fault.js";
import { toPrintable, toPrintableJson } from "../faults/foreign-text.js";
import { Secret } from "../faults/secret.js";
import type { LogFields, Logger, LogLevel } from "../ports/logger.js";
import { LibraryLoadError, loadLibrary } from "./lazy-modules.js";
import { diskLogFiles, RefusedLogFileError } from "./log-disk-files.js";
import { LogFile, sinkTo } from "./log-file.js";
import { makePrivateFolder } from "./log-folder.js";
import { mapStack } from "./source-positions.js";
import { StderrSink } from "./stdio.js";
import { withTimeout } from "./system-clock.js";

/** Records kept while winston is being loaded. */
const MAX_PENDING_RECORDS = 1_000;
/** Delays the loading of winston, so that it does not delay the first answer. */
const LOAD_DELAY_MS = 50;

const MAX_FILE_BYTES = 10 * 1024 * 1024;

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug"];

interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly timestamp: string;
  readonly fields: LogFields;
}

interface WinstonLogOptions {
  readonly stderr?: Writable;
  readonly maxFileBytes?: number;
  /** Creates the folder of the log file. */
  readonly makeFolder?: (path: string) => Promise<unknown>;
}

/**
 * Writes one line for each record to stderr, and JSON lines to `<directory>/worker.log` unless
 * `directory` is null. A full or read-only disk, or a host that does not read stderr, costs
 * records, but never blocks the service or the other output.
 */
export class WinstonLog implements Logger {
  readonly #directory: string | null;
  readonly #stderr: StderrSink;
  readonly #maxFileBytes: number;
  readonly #makeFolder: (path: string) => Promise<unknown>;
  #level: LogLevel;
  #pending: LogRecord[] = [];
  #logger: Winston.Logger | null = null;
  #loading: Promise<void> | null = null;
  #hasLoadFailed = false;
  #file: LogFile | null = null;
  #isClosed = false;

  constructor(
    directory: string | null,
    level: LogLevel,
    {
      stderr = process.stderr,
      maxFileBytes = MAX_FILE_BYTES,
      makeFolder = makePrivateFolder,
    }: WinstonLogOptions = {},
  ) {
    this.#directory = directory;
    this.#level = level;
    this.#stderr = new StderrSink(stderr, {
      onUnread: () =>
        this.warn(
          "The host does not read the worker's stderr as fast as the worker writes to it, so log records are missing there. Presence is not affected. The host must read stderr continuously.",
        ),
      onRead: (missingRecords) =>
        this.warn("The host reads all of the worker's stderr again.", { missingRecords }),
    });
    this.#maxFileBytes = maxFileBytes;
    this.#makeFolder = makeFolder;
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
    await Promise.all([this.#stderr.flush(), this.#file?.close()]);
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
        if (!this.#hasLoadFailed)
          this.#stderr.write(`${formatLine(new Date().toISOString(), "error", text)}\n`);
        this.#hasLoadFailed = true;
      });
  }

  async #load(): Promise<void> {
    const { default: winston } = await loadLibrary("winston");
    const lineFormat = winston.format.printf(({ timestamp, level, message, fields }) =>
      formatLine(String(timestamp), level, String(message), fields as Record<string, unknown>),
    );
    const jsonFormat = winston.format.printf(({ timestamp: time, level, message, fields }) =>
      toPrintableJson({ time, level, message, ...(fields as object) }),
    );
    const stderr = sinkTo((line) => this.#stderr.write(line));
    const directory = this.#directory;
    if (directory !== null) {
      const files = diskLogFiles(directory, () => this.#makeFolder(directory));
      this.#file = new LogFile(files, this.#maxFileBytes, {
        onFailure: (error) => this.#warnNoFile(error),
        onRecovery: (lostRecords) =>
          this.warn(
            "The log file is written again. Records that are missing in it went to stderr.",
            { directory, lostRecords },
          ),
        onRotationFailure: (error) => this.#warnNotRotated(error),
        onRotation: () => this.info("The log files have been renamed again.", { directory }),
      });
    }
    const { transports } = winston;
    const logger = winston.createLogger({
      level: "debug",
      // Not winston's Console: it writes most levels to stdout, which carries the protocol.
      transports: [
        new transports.Stream({ stream: stderr, format: lineFormat, eol: "\n" }),
        ...(this.#file === null
          ? []
          : [new transports.Stream({ stream: this.#file.sink, format: jsonFormat, eol: "\n" })]),
      ],
      exitOnError: false,
    });
    logger.on("error", () => undefined);
    this.#logger = logger;
    for (const record of this.#pending.splice(0)) writeRecord(logger, record);
  }

  #warnNoFile(error: unknown): void {
    if (error instanceof RefusedLogFileError) {
      this.warn(
        `The log file in this folder cannot be written, because it ${error.message}, which another account of this machine may have put there. The log goes to stderr only. Presence is not affected. Close the folder to other accounts, and run the command in this record. The worker tries again every 10 seconds.`,
        { directory: this.#directory, command: error.command },
      );
      return;
    }
    this.warn(
      "The log file in this folder cannot be written, so the log goes to stderr only. Presence is not affected. Free space on the disk, allow the worker's account to write there, close a program that has worker.log open, or name another folder with --log-dir. The worker tries again every 10 seconds.",
      { directory: this.#directory, code: (error as NodeJS.ErrnoException | null)?.code },
    );
  }

  #warnNotRotated(error: unknown): void {
    this.warn(
      "The log file is full, but the log files in this folder cannot be renamed, so the worker goes on with the same file, up to ten times its limit. Presence is not affected. Close the program that has a log file open, or allow the worker's account to rename files there. The worker tries again every 10 seconds.",
      { directory: this.#directory, code: (error as NodeJS.ErrnoException).code },
    );
  }
}

export function formatLine(
  timestamp: string,
  level: string,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  // With the space in place of a line's end, the next line's indentation would be a gap.
  const text = toPrintable(message).replace(/ {2,}/g, " ");
  const suffix = Object.keys(fields).length === 0 ? "" : ` ${toPrintableJson(fields)}`;
  return `${timestamp} ${level} ${text}${suffix}`;
}

function writeRecord(logger: Winston.Logger, record: LogRecord): void {
  const { message, fields } = record;
  logger.log({ ...record, message: redactText(message), fields: redact(fields) });
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
