import {
  PROBLEM_SEVERITY,
  type ProblemCode,
  type ProblemReport,
} from "../faults/problem-catalog.js";
import type { Problem } from "./status.js";

/** Problems of which there can be one for each line of the settings file. */
const LISTED_BY_LINE: ReadonlySet<ProblemCode> = new Set(["settingsInvalid", "settingsUnknown"]);

/** What a new list changes. */
export interface ProblemChange {
  /** Problems that came, or that have a cause which they have not had since. */
  readonly reported: readonly Problem[];
  readonly ended: readonly Problem[];
}

/** Of one problem, however often its causes alternate. */
const MAX_REPORTED_CAUSES = 20;

interface ListedProblem {
  readonly problem: Problem;
  /** The causes that were reported since it came. */
  readonly causes: Set<string>;
}

/** The present problems, each with the time it began. */
export class ProblemList {
  readonly #now: () => number;
  #listed: ReadonlyMap<string, ListedProblem> = new Map();
  #problems: readonly Problem[] = [];

  /** `now`: milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /**
   * Replaces the list. Returns null unless a problem came, went, or reads differently; a text that
   * differs in a time or a number alone is in neither list of the change.
   */
  replace(reports: readonly ProblemReport[]): ProblemChange | null {
    const listed = new Map<string, ListedProblem>();
    const reported: Problem[] = [];
    for (const { code, orgId, text, cause } of reports) {
      const key = `${code} ${orgId ?? ""} ${LISTED_BY_LINE.has(code) ? text.message : ""}`;
      if (listed.has(key)) continue;
      const before = this.#listed.get(key);
      const since = before?.problem.since ?? new Date(this.#now()).toISOString();
      const problem = { code, severity: PROBLEM_SEVERITY[code], ...text, since, orgId };
      const causes = before?.causes ?? new Set();
      listed.set(key, { problem, causes });
      if (causes.has(cause) || causes.size >= MAX_REPORTED_CAUSES) continue;
      causes.add(cause);
      reported.push(problem);
    }
    const ended = [...this.#listed].flatMap(([key, { problem }]) =>
      listed.has(key) ? [] : [problem],
    );
    const before = JSON.stringify(this.#problems);
    this.#listed = listed;
    this.#problems = [...listed.values()].map(({ problem }) => problem);
    return JSON.stringify(this.#problems) === before ? null : { reported, ended };
  }
}
