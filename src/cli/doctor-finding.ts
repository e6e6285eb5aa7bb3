import type { Fault } from "../faults/fault.js";
import { toPrintable } from "../faults/foreign-text.js";
import {
  problemText,
  type ProblemCode,
  type ProblemDetail,
  type ProblemText,
} from "../faults/problem-catalog.js";
import { describeTrackingId } from "./command.js";
import { wrap, type Paint, type Style, type TextFormat } from "./terminal/text.js";

export type FindingState = "ok" | "warning" | "failed" | "skipped";

/**
 * The result of a check. `code` names what is wrong; it and `hint`, which says how to fix it, are
 * null if there is nothing to fix. `orgId` and `orgName` are null if it concerns no single
 * organization.
 */
export interface Finding {
  readonly state: FindingState;
  readonly code: string | null;
  readonly message: string;
  readonly hint: string | null;
  readonly orgId: string | null;
  readonly orgName: string | null;
}

export interface NamedFinding extends Finding {
  readonly name: string;
}

/** If `run` throws or rejects, the check has failed. */
export interface Check {
  readonly name: string;
  /** Names of checks before it in the list, which have to end first; default: none. */
  readonly after?: readonly string[];
  /** Gets the findings of the checks that `after` names. */
  readonly run: (earlier: readonly NamedFinding[]) => CheckResult | Promise<CheckResult>;
}

export type CheckResult = Finding | Finding[];

const NO_ORGANIZATION = { orgId: null, orgName: null };

const STATE_STYLES: Readonly<Record<FindingState, readonly [string, readonly Style[]]>> = {
  ok: ["ok  ", ["green"]],
  warning: ["warn", ["yellow", "bold"]],
  failed: ["FAIL", ["red", "bold"]],
  skipped: ["–   ", ["grey"]],
};
/** For a release folder that is damaged. */
export const UNPACK_HINT =
  "Stop the worker, unpack the release again in place of this folder, and start the worker. If an antivirus program removes or changes the files, make an exception for the folder.";
const NAME_WIDTH = "organization size".length;

export function ok(message: string): Finding {
  return { state: "ok", code: null, message, hint: null, ...NO_ORGANIZATION };
}

export function warning(code: string, { message, hint }: ProblemText): Finding {
  return { state: "warning", code, message, hint, ...NO_ORGANIZATION };
}

/** The reason may be a fault, or a code and the text of a problem. */
export function failed({
  code,
  message,
  hint = "Run the check again. If it fails again, see the worker's log.",
  trackingId,
}: { readonly code: string; readonly message: string } & Partial<
  Pick<Fault, "hint" | "trackingId">
>): Finding {
  const text = message + describeTrackingId(trackingId);
  return { state: "failed", code, message: text, hint, ...NO_ORGANIZATION };
}

/** For what the worker reports as a problem. */
export function failedAs(code: ProblemCode, detail: ProblemDetail): Finding {
  return failed({ code, ...problemText(code, detail) });
}

/** For what cannot be checked because of another finding. */
export function skipped(message: string): Finding {
  return { state: "skipped", code: null, message, hint: null, ...NO_ORGANIZATION };
}

/** One line with the hint or, on a terminal, wrapped lines with the hint below. */
export function findingLines(
  name: string,
  { state, message, hint }: Pick<Finding, "state" | "message" | "hint">,
  { paint, width }: TextFormat,
): string[] {
  const [label, styles] = STATE_STYLES[state];
  const head = `${paint(label, ...styles)}  ${name.padEnd(NAME_WIDTH)}  `;
  const text = toPrintable(message);
  const hintText = hint === null ? "" : `→ ${toPrintable(hint)}`;
  if (!Number.isFinite(width)) return [`${head}${text} ${hintText}`.trimEnd()];
  const margin = " ".repeat(label.length + NAME_WIDTH + 4);
  const [first = "", ...others] = wrap(text, width - margin.length, 0);
  const hintLines = hint === null ? [] : wrap(hintText, width - margin.length, 2);
  const shade = (line: string): string => (state === "skipped" ? paint(line, "grey") : line);
  return [head + shade(first), ...[...others, ...hintLines].map((line) => margin + shade(line))];
}

/** A closing sentence: `1 check failed, 2 warnings.` */
export function summaryText(failures: number, warnings: number, paint: Paint): string {
  const warningText = warnings === 0 ? "" : `, ${warnings} warning${warnings === 1 ? "" : "s"}`;
  if (failures > 0) {
    const failureText = `${failures} check${failures === 1 ? "" : "s"} failed`;
    return paint(`${failureText}${warningText}.`, "red", "bold");
  }
  if (warnings === 0) return paint("All checks passed.", "green", "bold");
  return `${paint("No check failed", "green", "bold")}${warningText}.`;
}
