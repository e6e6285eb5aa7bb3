import { asFault, Fault } from "../faults/fault.js";
import type { CommandContext, ExitCode } from "./command.js";
import {
  failed,
  findingLines,
  summaryText,
  type Check,
  type NamedFinding,
} from "./doctor-finding.js";
import { logFolderCheck } from "./doctor-folder-check.js";
import { localChecks, networkChecks } from "./doctor-system-checks.js";
import { webexChecks } from "./doctor-webex-checks.js";
import { workerCheck } from "./doctor-worker-check.js";
import { createSession } from "./session.js";

/** Runs all checks, and prints each finding at once. 1 if a check failed. */
export async function doctor({ console, options, signal }: CommandContext): Promise<ExitCode> {
  const findings: NamedFinding[] = [];
  const runAll = async (checks: readonly Check[]): Promise<void> => {
    for (const { name, run } of checks) {
      if (signal.aborted)
        throw new Fault("cancelled", "Cancelled. The remaining checks were not run.");
      console.progress(console.paint(`      ${name} …`, "faint"));
      const result = await Promise.resolve()
        .then(run)
        .catch((error: unknown) => failed(asFault(error)));
      for (const finding of [result].flat()) {
        console.lines(findingLines(name, finding, console));
        findings.push({ name, ...finding });
      }
    }
  };
  const session = await createSession(options);
  try {
    await runAll([...localChecks(session), logFolderCheck(session.account, options.logDir)]);
    // If the keychain does not work, the rest is still worth checking.
    await session.open();
    await runAll(await networkChecks(session, signal));
    await runAll(webexChecks(session, signal));
    await runAll([workerCheck(session, options.logDir, findings)]);
  } finally {
    await session.close();
  }
  const failures = findings.filter(({ state }) => state === "failed").length;
  const warnings = findings.filter(({ state }) => state === "warning").length;
  console.lines(["", summaryText(failures, warnings, console.paint)]);
  return console.result({ ok: failures === 0, failed: failures, warnings, checks: findings });
}
