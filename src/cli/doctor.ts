import { Fault } from "../faults/fault.js";
import type { CommandContext, ExitCode } from "./command.js";
import {
  failedWith,
  findingLines,
  summaryText,
  type Check,
  type Finding,
  type FindingState,
} from "./doctor-finding.js";
import { localChecks, networkChecks } from "./doctor-system-checks.js";
import { webexChecks } from "./doctor-webex-checks.js";
import { createSession } from "./session.js";

type NamedFinding = Finding & Pick<Check, "name">;

/** Runs all checks, and prints each finding at once. 1 if a check failed. */
export async function doctor(context: CommandContext): Promise<ExitCode> {
  const { console } = context;
  const session = await createSession(context);
  const findings: NamedFinding[] = [];
  try {
    findings.push(...(await runChecks(localChecks(session), context)));
    // If the keychain does not work, the rest is still worth checking.
    await session.open();
    findings.push(...(await runChecks(await networkChecks(session), context)));
    findings.push(...(await runChecks(webexChecks(session), context)));
  } finally {
    await session.close();
  }
  const count = (state: FindingState): number =>
    findings.filter((finding) => finding.state === state).length;
  const failures = count("failed");
  const warnings = count("warning");
  console.line();
  console.line(summaryText(failures, warnings, console.paint));
  const checks = findings.map(({ name, state, message, hint, orgId = null }) => {
    return { name, state, message, hint, orgId };
  });
  console.result({ ok: failures === 0, failed: failures, warnings, checks });
  return failures === 0 ? 0 : 1;
}

async function runChecks(
  checks: readonly Check[],
  { console, signal }: CommandContext,
): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const check of checks) {
    const { name } = check;
    if (signal.aborted)
      throw new Fault("cancelled", "Cancelled. The remaining checks were not run.");
    console.progress(console.paint(`      ${name} …`, "faint"));
    for (const finding of await check.run(signal).catch((error: unknown) => [failedWith(error)])) {
      for (const line of findingLines(name, finding, console.paint, console.width))
        console.line(line);
      findings.push({ name, ...finding });
    }
  }
  return findings;
}
