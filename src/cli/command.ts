import { asFault, type Fault } from "../faults/fault.js";
import { mapStack } from "../platform/source-positions.js";
import { CommandConsole } from "./terminal/console.js";
import { CommandInput, UsageError } from "./terminal/input.js";
import { exitProcess } from "./terminal/process-exit.js";

/** 0: success, 1: failure, 2: usage error. */
export type ExitCode = 0 | 1 | 2;

/** What the command line contains. Commands have the first three in common. */
export interface CommandOptions {
  readonly settings?: string;
  readonly secretStore: "keychain" | "memory";
  readonly json?: true;
  readonly device?: true;
  readonly installation?: true;
  readonly logDir?: string;
  readonly watch?: true;
  readonly list?: true;
  readonly only?: readonly string[];
  readonly jobs?: string;
  readonly out?: string;
}

export interface CommandContext {
  readonly options: CommandOptions;
  readonly console: CommandConsole;
  readonly input: CommandInput;
  /** Fires when the user stops the command (Ctrl+C, SIGTERM). */
  readonly signal: AbortSignal;
}

/** As shells report a process that SIGINT ended. */
const INTERRUPTED = 130;
/**
 * How long a stopped command may take to end processes and remove files. Signals come repeatedly: a
 * shell and the system send one each when a terminal is closed, and people press Ctrl+C again.
 */
const CLEANUP_MS = 3_000;

/** Runs a command, reports its failure, and exits the process once all output is written. */
export async function runCommand(
  options: CommandOptions,
  handler: (context: CommandContext) => Promise<ExitCode>,
): Promise<void> {
  // The worker's components keep no process alive.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  const abort = new AbortController();
  const { signal } = abort;
  const stopSignals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  // Listening to a signal that the platform does not know throws.
  if (process.platform === "win32") stopSignals.push("SIGBREAK");
  let abortedAt = 0;
  signal.addEventListener("abort", () => (abortedAt = performance.now()), { once: true });
  for (const name of stopSignals) {
    process.on(name, () => {
      if (signal.aborted) {
        const remainingMs = abortedAt + CLEANUP_MS - performance.now();
        setTimeout(() => exitProcess(INTERRUPTED), Math.max(0, remainingMs));
      }
      abort.abort();
    });
  }
  let outputError: string | null = null;
  process.stdout.on("error", ({ code = "unknown error" }: NodeJS.ErrnoException) => {
    // The reader of a pipe may close it early, as `head` does, and a user the terminal.
    if (code !== "EPIPE" && code !== "EIO") outputError ??= code;
    abort.abort();
  });
  process.stderr.on("error", () => abort.abort());
  const console = new CommandConsole(process.stdout, process.stderr, options.json === true);
  const input = new CommandInput(process.stdin, process.stderr, signal);
  const code = await handler({ options, console, input, signal }).catch((error: unknown) =>
    reportFailure(error, console),
  );
  clearInterval(keepAlive);
  process.stdout.write("", () => {
    // An error of the output is reported after this call.
    setImmediate(() => {
      if (outputError !== null) console.error(`The output could not be written (${outputError}).`);
      exitProcess(outputError === null ? code : 1);
    });
  });
}

function reportFailure(error: unknown, console: CommandConsole): ExitCode {
  if (error instanceof UsageError) {
    console.error(error.message, error.hint);
    return 2;
  }
  const fault = asFault(error);
  const { code, hint, trackingId = null } = fault;
  const message = fault.message + describeCause(fault);
  console.error(message + describeTrackingId(trackingId), hint);
  return console.result({ ok: false, error: { code, message, hint: hint ?? null, trackingId } });
}

/** Where an unexpected error occurred. Its message is omitted, as it may contain user input. */
function describeCause({ code, cause }: Fault): string {
  if (code !== "defect" || !(cause instanceof Error)) return "";
  const location = /^\s+at .*/m.exec(mapStack(cause.stack ?? ""))?.[0] ?? "";
  return ` (${cause.name}${location.replace(/^\s+/, " ")})`;
}

/** Follows an error message; empty unless Webex returned a tracking ID. */
export function describeTrackingId(trackingId: string | null = null): string {
  return trackingId === null ? "" : ` (Webex tracking ID: ${trackingId})`;
}
