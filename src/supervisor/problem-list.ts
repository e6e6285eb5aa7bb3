import {
  PROBLEM_SEVERITY,
  problemText,
  type ProblemCode,
  type ProblemDetail,
} from "./problem-catalog.js";
import type { Problem } from "./status.js";

/** A problem as the place that sees it tells it. */
export interface ProblemReport {
  readonly code: ProblemCode;
  readonly orgId: string | null;
  readonly detail: ProblemDetail;
}

/** The problems there are, with the time each began. Told the whole list each time; it finds out what is new. */
export class ProblemList {
  readonly #now: () => number;
  #problems: readonly Problem[] = [];
  #since = new Map<string, string>();
  #changeKey = "[]";

  constructor(now: () => number) {
    this.#now = now;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Replaces the list. True when a problem came, went, or reads differently. */
  replace(reports: readonly ProblemReport[]): boolean {
    const since = new Map<string, string>();
    const problems = new Map<string, Problem>();
    for (const { code, orgId, detail } of reports) {
      const key = `${code} ${orgId ?? ""} ${code === "settingsInvalid" ? (detail.sentence ?? "") : ""}`;
      if (problems.has(key)) continue;
      const began = this.#since.get(key) ?? new Date(this.#now()).toISOString();
      since.set(key, began);
      problems.set(key, {
        code,
        severity: PROBLEM_SEVERITY[code],
        ...problemText(code, detail),
        since: began,
        orgId,
      });
    }
    this.#since = since;
    this.#problems = [...problems.values()];
    const changeKey = JSON.stringify(this.#problems);
    const changed = changeKey !== this.#changeKey;
    this.#changeKey = changeKey;
    return changed;
  }
}
