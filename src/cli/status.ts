import type { CommandContext, ExitCode } from "./command.js";
import { readStatusFile } from "./status-file-reader.js";
import { needsAttention, statusLines } from "./status-text.js";
import { logDirectoryFor, settingsPathFor, statusFilePath } from "./worker-files.js";

/** Shows the running worker's status file. 1 where no worker runs, or the one that does cannot do its work. */
export async function status(
  { console, options }: CommandContext,
  logDirectory: string | null,
): Promise<ExitCode> {
  const file = statusFilePath(logDirectoryFor(logDirectory));
  const reading = await readStatusFile(file);
  const ageSeconds = reading.ageMs === null ? null : Math.round(reading.ageMs / 1000);
  if (!reading.running) {
    const why = `The worker is not running: ${reading.why}.`;
    console.error(
      why,
      "Start the UCX Presence service, which launches the worker; where it writes elsewhere, name the folder with --log-dir. See its worker.log for why it ended.",
    );
    console.result({ ok: false, running: false, file, ageSeconds, why, ...reading.status });
    return 1;
  }
  const hasFault = needsAttention(reading.status);
  if (
    options.settings !== null &&
    settingsPathFor(options.settings) !== reading.status.settings.path
  ) {
    console.note(
      `this worker reads other settings than those named: ${reading.status.settings.path}`,
    );
  }
  for (const line of statusLines(reading.status, reading.ageMs, {
    paint: console.paint,
    width: console.width,
    now: Date.now(),
  })) {
    console.line(line);
  }
  console.result({ ok: !hasFault, running: true, file, ageSeconds, ...reading.status });
  return hasFault ? 1 : 0;
}
