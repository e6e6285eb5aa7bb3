import type { Clock } from "../ports/clock.js";

const MINUTE_MS = 60_000;

/** What a request was for: the walk through all pages, watched persons that are known, or an address that matched nobody. */
export type RequestPurpose = "sweep" | "watched" | "stranger";

/** What polling asked lately, as far as it decides what to ask next. */
export class RequestHistory {
  readonly #clock: Clock;
  readonly #times: Record<RequestPurpose, number[]> = { sweep: [], watched: [], stranger: [] };
  #requestsSinceSweepPage = 0;
  #isUnmatchedLookupTurn = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(purpose: RequestPurpose): void {
    this.#times[purpose].push(this.#clock.monotonic());
    this.#requestsSinceSweepPage = purpose === "sweep" ? 0 : this.#requestsSinceSweepPage + 1;
    this.#isUnmatchedLookupTurn = purpose !== "stranger";
  }

  countLastMinute(purpose: RequestPurpose): number {
    const times = this.#times[purpose];
    const since = this.#clock.monotonic() - MINUTE_MS;
    while (times.length > 0 && (times[0] ?? 0) <= since) times.shift();
    return times.length;
  }

  /** Requests since a page of a sweep was read. */
  get requestsSinceSweepPage(): number {
    return this.#requestsSinceSweepPage;
  }

  /** Something else was asked since the last stranger. */
  get isUnmatchedLookupTurn(): boolean {
    return this.#isUnmatchedLookupTurn;
  }

  get mode(): "sweep" | "lookup" | "mixed" {
    if (this.countLastMinute("watched") + this.countLastMinute("stranger") === 0) return "sweep";
    return this.countLastMinute("sweep") === 0 ? "lookup" : "mixed";
  }
}
