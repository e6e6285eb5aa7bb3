export type LogLevel = "error" | "warn" | "info" | "debug";

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Each call writes one record. `message` is a fixed sentence, or that of a problem; anything
 * variable goes into `fields`. Above `debug`, neither contains a person's name or address; at no
 * level does either contain a token, a secret or a code.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}
