import { asFault } from "../faults/fault.js";
import { mapStack } from "../platform/source-positions.js";
import { CommandConsole } from "./terminal/console.js";
import { CommandInput, UsageError } from "./terminal/input.js";

/** 0: success, 1: failure, 2: usage error. */
export type ExitCode = 0 | 1 | 2;

/** The options that every command has. */
export interface CommonOptions {
  /** Null if not given. */
  readonly settings: string | null;
  readonly secretStore: "keychain" | "memory";
}

export interface CommandContext {
  readonly options: CommonOptions;
  readonly console: CommandConsole;
  readonly input: CommandInput;
  /** Fires when the user stops the command (Ctrl+C, SIGTERM). */
  readonly signal: AbortSignal;
}

export type CommandHandler = (context: CommandContext) => Promise<ExitCode>;

/** As shells report a process that SIGINT ended. */
const INTERRUPTED = 130;

/** Runs a command, reports its failure, and exits the process once all output is written. */
export async function runCommand(
  options: CommonOptions & { readonly json: boolean },
  handler: CommandHandler,
): Promise<void> {
  // The worker's components keep no process alive.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  const abort = new AbortController();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as NodeJS.Signals[];
  // Listening to a signal that the platform does not know throws.
  if (process.platform === "win32") signals.push("SIGBREAK");
  for (const signal of signals) {
    process.on(signal, () => {
      if (abort.signal.aborted) process.exit(INTERRUPTED);
      abort.abort();
    });
  }
  // The reader of a pipe may close it early, as `head` does.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => abort.abort());
  const console = new CommandConsole(process.stdout, process.stderr, options.json);
  const input = new CommandInput(process.stdin, process.stderr, abort.signal);
  const code = await handler({ options, console, input, signal: abort.signal }).catch(
    (error: unknown) => reportFailure(error, console),
  );
  clearInterval(keepAlive);
  process.stdout.write("", () => process.exit(code));
}

function reportFailure(error: unknown, console: CommandConsole): ExitCode {
  if (error instanceof UsageError) {
    console.error(error.message, error.hint);
    return 2;
  }
  const fault = asFault(error);
  const { code, hint, trackingId } = fault;
  const message = fault.message + describeCause(fault);
  console.error(
    trackingId === undefined ? message : `${message} (Webex tracking ID: ${trackingId})`,
    hint,
  );
  console.result({
    ok: false,
    error: { code, message, hint: hint ?? null, trackingId: trackingId ?? null },
  });
  return 1;
}

/** Where an unexpected error occurred. Its message is omitted, as it may contain user input. */
function describeCause({ code, cause }: ReturnType<typeof asFault>): string {
  if (code !== "defect" || !(cause instanceof Error)) return "";
  const location = mapStack(cause.stack ?? "")
    .split("\n")
    .find((line) => /^\s+at /.test(line));
  return ` (${cause.name}${location === undefined ? "" : ` ${location.trim()}`})`;
}
