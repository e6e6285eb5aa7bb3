export type LogLevel = "error" | "warn" | "info" | "debug";

/**
 * One record a call. `message` is a fixed sentence; what varies goes into `fields`. Above `debug` neither names a person or
 * an address of one; at every level neither holds a token, a secret or a code.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;
