import type { Finding, FindingState } from "./doctor-finding.js";
import { wrapWords } from "./paragraph.js";
import type { Paint, Style } from "./terminal-style.js";
import { sanitize } from "./terminal/text.js";

const STATE_STYLES: Readonly<Record<FindingState, readonly [string, readonly Style[]]>> = {
  ok: ["ok  ", ["green"]],
  warning: ["warn", ["yellow", "bold"]],
  failed: ["FAIL", ["red", "bold"]],
  skipped: ["–   ", ["grey"]],
};
const NAME_WIDTH = 17;
const INDENT = 4 + 2 + NAME_WIDTH + 2;

/** A finding as one line with its remedy; on a terminal broken to fit, the remedy on lines of its own. */
export function findingLines(
  name: string,
  { state, message, hint }: Finding,
  paint: Paint,
  width: number,
): string[] {
  const [word, styles] = STATE_STYLES[state];
  const head = `${paint(word, ...styles)}  ${name.padEnd(NAME_WIDTH)}  `;
  const text = sanitize(message);
  if (!Number.isFinite(width))
    return [`${head}${text}${hint === null ? "" : ` → ${sanitize(hint)}`}`];
  const margin = " ".repeat(INDENT);
  const [first = "", ...others] = wrapWords(text, width - INDENT, 0);
  const hintLines = hint === null ? [] : wrapWords(`→ ${sanitize(hint)}`, width - INDENT, 2);
  return [
    head + (state === "skipped" ? paint(first, "grey") : first),
    ...others.map((line) => margin + line),
    ...hintLines.map((line) => margin + line),
  ];
}

export function summaryText(failures: number, warnings: number, paint: Paint): string {
  const warningText = warnings === 0 ? "" : warnings === 1 ? "1 warning" : `${warnings} warnings`;
  if (failures === 0)
    return warningText === ""
      ? paint("All is well.", "green", "bold")
      : `${paint("Nothing failed", "green", "bold")}, ${warningText}.`;
  const failureText = failures === 1 ? "1 check failed" : `${failures} checks failed`;
  return paint(`${failureText}${warningText === "" ? "" : `, ${warningText}`}.`, "red", "bold");
}
