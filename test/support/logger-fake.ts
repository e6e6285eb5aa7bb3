import type { LogFields, Logger, LogLevel } from "../../src/ports/logger.js";

export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps all records. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[] = [];

  error(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "error", message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "warn", message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "info", message, fields });
  }

  debug(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "debug", message, fields });
  }

  /** All records as one text, for tests that search it. */
  get text(): string {
    return this.records.map((r) => JSON.stringify(r)).join("\n");
  }
}
