import { asFault } from "../faults/fault.js";
import { sanitize, wrap, type Paint, type Style } from "./terminal/text.js";

export type FindingState = "ok" | "warning" | "failed" | "skipped";

/** The result of a check. `hint` says how to fix it; null if there is nothing to fix. */
export interface Finding {
  readonly state: FindingState;
  readonly message: string;
  readonly hint: string | null;
  readonly orgId?: string;
}

/** `run` rejects only if the check itself does not work. */
export interface Check {
  readonly name: string;
  run(signal: AbortSignal): Promise<readonly Finding[]>;
}

const STATE_STYLES: Readonly<Record<FindingState, readonly [string, readonly Style[]]>> = {
  ok: ["ok  ", ["green"]],
  warning: ["warn", ["yellow", "bold"]],
  failed: ["FAIL", ["red", "bold"]],
  skipped: ["–   ", ["grey"]],
};
const NAME_WIDTH = "organization size".length;

export function ok(message: string): Finding {
  return { state: "ok", message, hint: null };
}

export function warning(message: string, hint: string): Finding {
  return { state: "warning", message, hint };
}

export function failed(message: string, hint: string): Finding {
  return { state: "failed", message, hint };
}

/** For what cannot be checked because of another finding. */
export function skipped(message: string): Finding {
  return { state: "skipped", message, hint: null };
}

export function failedWith(error: unknown): Finding {
  const { message, hint, trackingId } = asFault(error);
  return failed(
    trackingId === undefined ? message : `${message} (Webex tracking ID: ${trackingId})`,
    hint ?? "Run the check again. If it fails again, see the worker's log.",
  );
}

/** One line with the hint or, on a terminal, wrapped lines with the hint below. */
export function findingLines(
  name: string,
  { state, message, hint }: Finding,
  paint: Paint,
  width: number,
): string[] {
  const [label, styles] = STATE_STYLES[state];
  const head = `${paint(label, ...styles)}  ${name.padEnd(NAME_WIDTH)}  `;
  const text = sanitize(message);
  const hintText = hint === null ? "" : `→ ${sanitize(hint)}`;
  if (!Number.isFinite(width)) return [`${head}${text} ${hintText}`.trimEnd()];
  const margin = " ".repeat(label.length + NAME_WIDTH + 4);
  const [first = "", ...others] = wrap(text, width - margin.length, 0);
  const hintLines = hint === null ? [] : wrap(hintText, width - margin.length, 2);
  return [
    head + (state === "skipped" ? paint(first, "grey") : first),
    ...[...others, ...hintLines].map((line) => margin + line),
  ];
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
