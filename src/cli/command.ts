import type { CommandConsole } from "./terminal/console.js";
import type { CommandInput } from "./terminal/input.js";

/** 0 all is well, 1 something is wrong, 2 bad usage. */
export type ExitCode = 0 | 1 | 2;

/** The options that every command takes. */
export interface CommonOptions {
  /** As typed; null where not given. */
  readonly settings: string | null;
  readonly secretStore: "keychain" | "memory";
}

/** What a command runs with. */
export interface CommandContext {
  readonly options: CommonOptions;
  readonly console: CommandConsole;
  readonly input: CommandInput;
  /** Fires when somebody ends the command (Ctrl+C, SIGTERM). */
  readonly signal: AbortSignal;
}
