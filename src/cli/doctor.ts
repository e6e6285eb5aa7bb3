import { toPrintable } from "../faults/foreign-text.js";
import type { CommandContext, ExitCode } from "./command.js";
import { runSideBySide, type CheckListener, type CheckProgress } from "./check-runner.js";
import {
  conclusionContext,
  presenceChecks,
  reportOf,
  runChecks,
  type CheckReport,
} from "./doctor-checks.js";
import { conclude, type Conclusion } from "./doctor-conclusion.js";
import { findingLines, summaryText, type NamedFinding } from "./doctor-finding.js";
import { canAsk, findOffer, makeOffer } from "./doctor-offers.js";
import { createSession } from "./session.js";
import type { CommandConsole } from "./terminal/console.js";
import { wrap } from "./terminal/text.js";

/** For one thing: a mistyped password, or a page whose port is in use. */
const MAX_ATTEMPTS = 3;

/**
 * Runs all checks, or with `--installation` those of the product's folder, and prints each finding
 * as soon as those before it are printed. Ends with whether presence works, or with the first thing
 * to do, which it offers to do where it can. 1 if a check failed.
 */
export async function doctor(context: CommandContext): Promise<ExitCode> {
  const { console, options, signal } = context;
  if (options.installation !== true) return checkPresence(context);
  const report = await runChecks(options, signal, printing(console));
  console.lines(["", summaryText(report.failed, report.warnings, console.paint)]);
  return console.result({ ...report });
}

async function checkPresence(context: CommandContext): Promise<ExitCode> {
  const { console, options, signal } = context;
  const session = await createSession(options);
  try {
    const runAffected = async (affected: readonly string[] | null): Promise<NamedFinding[]> => {
      const checks = await presenceChecks(session, options, signal);
      const chosen = checks.filter(({ name }) => affected?.includes(name) ?? true);
      return runSideBySide(chosen, signal, printing(console));
    };
    const conclusionOf = (all: readonly NamedFinding[]): Conclusion =>
      conclude(all, conclusionContext(session, options));
    let findings = await runAffected(null);
    let conclusion = conclusionOf(findings);
    printConclusion(conclusion, reportOf(findings), console);
    for (let attempts = 0; canAsk(context) && attempts < MAX_ATTEMPTS;) {
      const offer = await findOffer(conclusion, context, session);
      if (offer === null) break;
      const outcome = await makeOffer(offer, context);
      if (outcome === "declined") break;
      attempts += 1;
      if (outcome === "failed") continue;
      console.line();
      const { code } = conclusion;
      findings = merge(findings, await runAffected(offer.affects));
      conclusion = conclusionOf(findings);
      if (conclusion.code !== code) attempts = 0;
      printConclusion(conclusion, reportOf(findings), console);
    }
    return console.result({ ...reportOf(findings, conclusion) });
  } finally {
    await session.close();
  }
}

/** Replaces the findings of the checks that have run again. */
function merge(
  findings: readonly NamedFinding[],
  repeated: readonly NamedFinding[],
): NamedFinding[] {
  const names = [...new Set(findings.map(({ name }) => name))];
  const repeatedNames = new Set(repeated.map(({ name }) => name));
  return names.flatMap((name) =>
    (repeatedNames.has(name) ? repeated : findings).filter((finding) => finding.name === name),
  );
}

function printing(console: CommandConsole): CheckListener {
  return {
    onProgress: (progress) => console.progress(progressText(progress)),
    onFindings: (findings) => {
      for (const finding of findings) console.lines(findingLines(finding.name, finding, console));
    },
  };
}

/** What runs comes last, because the line is clipped at its end. */
export function progressText({ running, done, total }: CheckProgress): string {
  return `${done} of ${total} checks done, running: ${[...new Set(running)].join(", ")} …`;
}

function printConclusion(
  { works, text, command }: Conclusion,
  { failed }: CheckReport,
  console: CommandConsole,
): void {
  const { paint, width } = console;
  console.line();
  const color = works === true ? "green" : failed > 0 ? "red" : "yellow";
  const sentence = toPrintable(command === null ? text : text.replace(/\.$/, ":"));
  if (!console.isTerminal) {
    console.line(command === null ? sentence : `${sentence} ${toPrintable(command)}`);
    return;
  }
  console.lines(wrap(sentence, width, 0).map((line) => paint(line, color, "bold")));
  // In a line of its own and whole, so that it can be copied.
  if (command !== null) console.line(`    ${paint(toPrintable(command), "cyan")}`);
}
