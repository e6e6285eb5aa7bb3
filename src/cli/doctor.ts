import type { CommandContext, ExitCode } from "./command.js";
import type { CommandConsole } from "./terminal/console.js";
import { type Check, failedWith, type Finding, type FindingState } from "./doctor-finding.js";
import { localChecks } from "./doctor-local-checks.js";
import { networkChecks } from "./doctor-network-checks.js";
import { findingLines, summaryText } from "./doctor-text.js";
import { webexChecks } from "./doctor-webex-checks.js";
import { createSession } from "./session.js";

interface NamedFinding extends Finding {
  readonly name: string;
}

/** Checks all that presence needs and tells each finding as it comes. 1 where something failed; warnings are no failures. */
export async function doctor(context: CommandContext): Promise<ExitCode> {
  const { console, signal } = context;
  const session = await createSession(context);
  const told: NamedFinding[] = [];
  try {
    told.push(...(await runChecks(localChecks(session), console, signal)));
    // With a keychain that does not work, the rest can be checked all the same.
    await session.open();
    told.push(...(await runChecks(await networkChecks(session), console, signal)));
    told.push(...(await runChecks(webexChecks(session), console, signal)));
  } finally {
    await session.close();
  }
  const count = (state: FindingState): number =>
    told.filter((finding) => finding.state === state).length;
  const failures = count("failed");
  const warnings = count("warning");
  console.line();
  console.line(summaryText(failures, warnings, console.paint));
  const checks = told.map(({ name, state, message, hint, orgId }) => ({
    name,
    state,
    message,
    hint,
    orgId: orgId ?? null,
  }));
  console.result({ ok: failures === 0, failed: failures, warnings, checks });
  return failures === 0 ? 0 : 1;
}

async function runChecks(
  checks: readonly Check[],
  console: CommandConsole,
  signal: AbortSignal,
): Promise<NamedFinding[]> {
  const told: NamedFinding[] = [];
  for (const check of checks) {
    const { name } = check;
    signal.throwIfAborted();
    console.progress(console.paint(`      ${name} …`, "faint"));
    const findings = await check.run(signal).catch((error: unknown) => [failedWith(error)]);
    for (const finding of findings) {
      for (const line of findingLines(name, finding, console.paint, console.width))
        console.line(line);
      told.push({ name, ...finding });
    }
  }
  return told;
}
