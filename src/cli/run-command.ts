import { asFault } from "../faults/fault.js";
import { mapStack } from "../platform/source-positions.js";
import type { CommandContext, CommonOptions, ExitCode } from "./command.js";
import { UsageError } from "./usage-error.js";
import { CommandConsole } from "./terminal/console.js";
import { CommandInput } from "./terminal/input.js";

const FORCED_EXIT_CODE = 130;

/** Runs one command, tells how it failed, and ends the process with its exit code once everything written has left. */
export async function runCommand(
  { options, json }: { readonly options: CommonOptions; readonly json: boolean },
  handler: (context: CommandContext) => Promise<ExitCode>,
): Promise<void> {
  // The timers of the worker's rooms keep no process alive.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"] as const) {
    // Windows and POSIX know different ones; listening to an unknown one throws.
    if (process.platform !== "win32" && signal === "SIGBREAK") continue;
    process.on(signal, () => {
      // Asked twice, somebody is in a hurry.
      if (abort.signal.aborted) process.exit(FORCED_EXIT_CODE);
      abort.abort();
    });
  }
  // Who reads along may stop reading, as `head` does.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => abort.abort());
  const console = new CommandConsole(process.stdout, process.stderr, json);
  const input = new CommandInput(process.stdin, process.stderr, abort.signal);
  let code: ExitCode;
  try {
    code = await handler({ options, console, input, signal: abort.signal });
  } catch (error) {
    code = reportFailure(error, console);
  }
  clearInterval(keepAlive);
  process.stdout.write("", () => process.exit(code));
}

function reportFailure(error: unknown, console: CommandConsole): ExitCode {
  if (error instanceof UsageError) {
    console.error(error.message, error.hint);
    return 2;
  }
  const { code, message, hint, trackingId } = asFault(error);
  const text = code === "defect" ? `${message} ${describeDefect(error)}` : message;
  const fullText =
    trackingId === undefined ? text : `${text} (Tracking id for Cisco's support: ${trackingId})`;
  console.error(fullText, hint);
  console.result({
    ok: false,
    error: { code, message: text, hint: hint ?? null, trackingId: trackingId ?? null },
  });
  return 1;
}

/** Kind and place of a failure nobody foresaw; not its text, which may hold what was typed. */
function describeDefect(error: unknown): string {
  const { cause } = asFault(error);
  if (!(cause instanceof Error)) return "";
  const place = mapStack(cause.stack ?? "")
    .split("\n")
    .find((line) => /^\s+at /.test(line));
  return `(${cause.name}${place === undefined ? "" : ` ${place.trim()}`})`;
}
