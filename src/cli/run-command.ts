import { asFault } from "../faults/fault.js";
import type { CommandContext, CommonOptions, ExitCode } from "./command.js";
import { UsageError } from "./usage-error.js";
import { CommandConsole } from "./command-console.js";
import { SecretInput } from "./secret-input.js";

const HURRIED = 130;

/** Runs one command, tells how it failed, and ends the process with its exit code once everything written has left. */
export async function runCommand(
  { options, json }: { readonly options: CommonOptions; readonly json: boolean },
  work: (context: CommandContext) => Promise<ExitCode>,
): Promise<void> {
  // The timers of the worker's rooms keep no process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"] as const) {
    // Windows and POSIX know different ones; listening to an unknown one throws.
    if (process.platform !== "win32" && signal === "SIGBREAK") continue;
    process.on(signal, () => {
      // Asked twice, somebody is in a hurry.
      if (ending.signal.aborted) process.exit(HURRIED);
      ending.abort();
    });
  }
  // Who reads along may stop reading, as `head` does.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => ending.abort());
  const console = new CommandConsole(process.stdout, process.stderr, json);
  const input = new SecretInput(process.stdin, process.stderr, ending.signal);
  let code: ExitCode;
  try {
    code = await work({ options, console, input, signal: ending.signal });
  } catch (error) {
    code = tell(error, console);
  }
  clearInterval(alive);
  process.stdout.write("", () => process.exit(code));
}

function tell(error: unknown, console: CommandConsole): ExitCode {
  if (error instanceof UsageError) {
    console.failure(error.message, error.hint);
    return 2;
  }
  const { code, message, hint, trackingId } = asFault(error);
  const said = code === "defect" ? `${message} ${causeOf(error)}` : message;
  const tracked = trackingId === undefined ? said : `${said} (Tracking id for Cisco's support: ${trackingId})`;
  console.failure(tracked, hint);
  console.result({ ok: false, error: { code, message: said, hint: hint ?? null, trackingId: trackingId ?? null } });
  return 1;
}

/** Kind and place of a failure nobody foresaw; not its text, which may hold what was typed. */
function causeOf(error: unknown): string {
  const { cause } = asFault(error);
  if (!(cause instanceof Error)) return "";
  const place = cause.stack?.split("\n").find((line) => /^\s+at /.test(line));
  return `(${cause.name}${place === undefined ? "" : ` ${place.trim()}`})`;
}
