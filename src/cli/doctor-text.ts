import type { Finding, FindingState } from "./doctor-finding.js";
import { paragraph } from "./paragraph.js";
import type { Paint, Style } from "./terminal-style.js";
import { printable } from "./terminal-text.js";

const LOOKS: Readonly<Record<FindingState, readonly [string, readonly Style[]]>> = {
  ok: ["ok  ", ["green"]],
  warning: ["warn", ["yellow", "bold"]],
  failed: ["FAIL", ["red", "bold"]],
  skipped: ["–   ", ["grey"]],
};
const NAME_WIDTH = 17;
const INDENT = 4 + 2 + NAME_WIDTH + 2;

/** A finding as one line with its remedy; on a terminal broken to fit, the remedy on lines of its own. */
export function findingLines(name: string, { state, message, hint }: Finding, paint: Paint, width: number): string[] {
  const [word, styles] = LOOKS[state];
  const head = `${paint(word, ...styles)}  ${name.padEnd(NAME_WIDTH)}  `;
  const said = printable(message);
  if (!Number.isFinite(width)) return [`${head}${said}${hint === null ? "" : ` → ${printable(hint)}`}`];
  const margin = " ".repeat(INDENT);
  const [first = "", ...others] = paragraph(said, width - INDENT, 0);
  const remedy = hint === null ? [] : paragraph(`→ ${printable(hint)}`, width - INDENT, 2);
  return [
    head + (state === "skipped" ? paint(first, "grey") : first),
    ...others.map((line) => margin + line),
    ...remedy.map((line) => margin + line),
  ];
}

export function verdict(failures: number, warnings: number, paint: Paint): string {
  const warned = warnings === 0 ? "" : warnings === 1 ? "1 warning" : `${warnings} warnings`;
  if (failures === 0)
    return warned === "" ? paint("All is well.", "green", "bold") : `${paint("Nothing failed", "green", "bold")}, ${warned}.`;
  const failing = failures === 1 ? "1 check failed" : `${failures} checks failed`;
  return paint(`${failing}${warned === "" ? "" : `, ${warned}`}.`, "red", "bold");
}
