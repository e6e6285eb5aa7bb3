import type { LogFields, Logger, LogLevel } from "../../src/ports/logger.js";

export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps every record for the test to look at. */
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

  /** Everything recorded, as one text: for a test that greps. */
  get text(): string {
    return this.records.map((r) => JSON.stringify(r)).join("\n");
  }
}
