import type { PollingProblem, PollingProblemCode, PollingProblemDetail } from "./polling-report.js";

/** The problems of one organization's polling, one of a code. */
export class PollingProblems {
  readonly #byCode = new Map<PollingProblemCode, PollingProblem>();
  #changed = false;

  get list(): readonly PollingProblem[] {
    return [...this.#byCode.values()];
  }

  has(code: PollingProblemCode): boolean {
    return this.#byCode.has(code);
  }

  /** New details of a known problem are kept; only a new problem, or a new time it lasts until, is a change. */
  raise(code: PollingProblemCode, detail: PollingProblemDetail): void {
    const existing = this.#byCode.get(code);
    if (existing?.detail.until !== detail.until || existing === undefined) this.#changed = true;
    this.#byCode.set(code, { code, detail });
  }

  clear(...codes: readonly PollingProblemCode[]): void {
    for (const code of codes) if (this.#byCode.delete(code)) this.#changed = true;
  }

  clearAll(): void {
    this.clear(...this.#byCode.keys());
  }

  /** Whether anything changed since this was asked last. */
  drainChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }
}
