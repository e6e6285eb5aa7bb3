import type { LogFields, Logger, LogLevel } from "../../src/ports/logger.js";

export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps all records. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[] = [];

  readonly error = this.#recorder("error");
  readonly warn = this.#recorder("warn");
  readonly info = this.#recorder("info");
  readonly debug = this.#recorder("debug");

  /** All records as one text, for tests that search it. */
  get text(): string {
    return this.records.map((r) => JSON.stringify(r)).join("\n");
  }

  #recorder(level: LogLevel) {
    return (message: string, fields: LogFields = {}): void =>
      void this.records.push({ level, message, fields });
  }
}
