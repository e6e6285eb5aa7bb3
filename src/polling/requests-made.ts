import type { Clock } from "../ports/clock.js";

const MINUTE_MS = 60_000;

/** What a request was for: the walk through all pages, watched persons that are known, or an address that matched nobody. */
export type RequestPurpose = "sweep" | "watched" | "stranger";

/** What polling asked lately, as far as it decides what to ask next. */
export class RequestsMade {
  readonly #clock: Clock;
  readonly #times: Record<RequestPurpose, number[]> = { sweep: [], watched: [], stranger: [] };
  #sinceSweepPage = 0;
  #strangersTurn = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(purpose: RequestPurpose): void {
    this.#times[purpose].push(this.#clock.monotonic());
    this.#sinceSweepPage = purpose === "sweep" ? 0 : this.#sinceSweepPage + 1;
    this.#strangersTurn = purpose !== "stranger";
  }

  lastMinute(purpose: RequestPurpose): number {
    const times = this.#times[purpose];
    const since = this.#clock.monotonic() - MINUTE_MS;
    while (times.length > 0 && (times[0] ?? 0) <= since) times.shift();
    return times.length;
  }

  /** Requests since a page of a sweep was read. */
  get sinceSweepPage(): number {
    return this.#sinceSweepPage;
  }

  /** Something else was asked since the last stranger. */
  get strangersTurn(): boolean {
    return this.#strangersTurn;
  }

  get mode(): "sweep" | "lookup" | "mixed" {
    if (this.lastMinute("watched") + this.lastMinute("stranger") === 0) return "sweep";
    return this.lastMinute("sweep") === 0 ? "lookup" : "mixed";
  }
}
