import { Writable } from "node:stream";
import type * as Winston from "winston";

import type { LogFields, Logger, LogLevel } from "../ports/logger.js";
import { LogFile } from "./log-file.js";
import { redact, redactText } from "./redaction.js";

/** Records kept while winston is being loaded, or while a host does not read stderr. */
const MAX_PENDING_RECORDS = 1_000;
const MAX_UNREAD_STDERR_BYTES = 1024 * 1024;
/** winston is loaded this long after the first record, so that the first answer goes before it. */
const LOAD_DELAY_MS = 50;

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug"];

interface PendingRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly timestamp: string;
  readonly fields: LogFields;
}

/**
 * The log: a line a record on stderr, and JSON lines in `<directory>/worker.log`. A disk that is full or read-only, or a host that
 * does not read stderr, costs records, never the service; neither waits for the other.
 */
export class WinstonLog implements Logger {
  readonly #directory: string;
  readonly #stderr: NodeJS.WritableStream & { writableLength?: number };
  #level: LogLevel;
  #pending: PendingRecord[] = [];
  #logger: Winston.Logger | null = null;
  #loading: Promise<void> | null = null;
  #file: LogFile | null = null;
  #closed = false;

  constructor(
    directory: string,
    level: LogLevel,
    stderr: NodeJS.WritableStream & { writableLength?: number } = process.stderr,
  ) {
    this.#directory = directory;
    this.#level = level;
    this.#stderr = stderr;
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  /** Writes what is pending and closes the file, within `deadlineMs`. Idempotent. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, deadlineMs).unref());
    await Promise.race([this.#drain(), deadline]).catch(() => undefined);
  }

  async #drain(): Promise<void> {
    if (this.#pending.length > 0 || this.#loading !== null) await (this.#loading ??= this.#load());
    this.#logger?.end();
    await this.#file?.close();
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (this.#closed || LEVELS.indexOf(level) > LEVELS.indexOf(this.#level)) return;
    const record = { level, message, timestamp: new Date().toISOString(), fields };
    if (this.#logger !== null) {
      this.#writeTo(this.#logger, record);
      return;
    }
    if (this.#pending.length < MAX_PENDING_RECORDS) this.#pending.push(record);
    this.#loading ??= new Promise((resolve) => setTimeout(resolve, LOAD_DELAY_MS).unref()).then(
      () => this.#load(),
    );
    this.#loading.catch(() => undefined);
  }

  #writeTo(logger: Winston.Logger, record: PendingRecord): void {
    const fields = redact(record.fields) as Record<string, unknown>;
    logger.log({
      level: record.level,
      message: redactText(record.message),
      timestamp: record.timestamp,
      fields,
    });
  }

  async #load(): Promise<void> {
    if (this.#logger !== null) return;
    const { default: winston } = await import("winston");
    const lineFormat = winston.format.printf((info) => {
      const fields = info.fields as Record<string, unknown>;
      const suffix = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
      return `${String(info.timestamp)} ${info.level} ${String(info.message).replace(/\s*[\r\n]+\s*/g, " ")}${suffix}`;
    });
    const jsonFormat = winston.format.printf((info) =>
      JSON.stringify({
        time: info.timestamp,
        level: info.level,
        message: info.message,
        ...(info.fields as object),
      }),
    );
    // Not winston's Console: it writes most levels to stdout, which belongs to the protocol.
    this.#file = new LogFile(this.#directory, (error) => this.#warnNoFile(error));
    const transports = [
      new winston.transports.Stream({ stream: this.#boundedStderr(), format: lineFormat }),
      new winston.transports.Stream({ stream: this.#file.sink, format: jsonFormat }),
    ];
    const logger = winston.createLogger({ level: "debug", transports, exitOnError: false });
    logger.on("error", () => undefined);
    this.#logger = logger;
    const pending = this.#pending;
    this.#pending = [];
    for (const record of pending) this.#writeTo(logger, record);
  }

  #warnNoFile(error: unknown): void {
    this.warn(
      "There can be no log file in this folder, so the log goes to stderr alone: name another one with --log-dir.",
      {
        directory: this.#directory,
        code: (error as NodeJS.ErrnoException).code,
      },
    );
  }

  #boundedStderr(): Writable {
    const stderr = this.#stderr;
    stderr.on("error", () => undefined);
    return new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done): void => {
        if ((stderr.writableLength ?? 0) < MAX_UNREAD_STDERR_BYTES) stderr.write(chunk);
        done();
      },
    });
  }
}
