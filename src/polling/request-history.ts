import type { Clock } from "../ports/clock.js";
import type { LearnedFacts } from "./learned-facts.js";
import type { PollingRequest } from "./planner.js";

const MINUTE_MS = 60_000;
/** Weight of the newest request in the average duration. */
const NEWEST_WEIGHT = 1 / 4;

/** What a request is for. */
type Purpose = "sweep" | "watched" | "unmatched" | "confirmation";

function purposeOf(request: PollingRequest): Purpose {
  if (request.kind === "page") return "sweep";
  if (request.kind === "confirm" || request.kind === "person") return "confirmation";
  return request.kind === "lookup" && request.isUnmatched ? "unmatched" : "watched";
}

/** The recent requests, as far as they affect the plan and the report. */
export class RequestHistory {
  readonly #clock: Clock;
  /** Monotonic milliseconds of the last minute's requests. */
  readonly #sentAt: Record<Purpose, number[]> = {
    sweep: [],
    watched: [],
    unmatched: [],
    confirmation: [],
  };
  /** Moving averages; 0 until a request was answered. */
  readonly #durationMs: { page: number; lookup: number };
  #requestsSinceSweepPage = 0;
  #lastPurpose: Purpose = "unmatched";

  /** `durationMs`: the averages of an earlier process. */
  constructor(clock: Clock, durationMs: LearnedFacts["requestDurationMs"] | null = null) {
    this.#clock = clock;
    this.#durationMs = { page: 0, lookup: 0, ...durationMs };
  }

  get requestDurationMs(): LearnedFacts["requestDurationMs"] {
    return { ...this.#durationMs };
  }

  recordRequest(request: PollingRequest): void {
    if (request.kind === "me") return;
    const purpose = purposeOf(request);
    this.#sentAt[purpose].push(this.#clock.monotonic());
    this.#requestsSinceSweepPage = purpose === "sweep" ? 0 : this.#requestsSinceSweepPage + 1;
    this.#lastPurpose = purpose;
  }

  recordDuration(request: PollingRequest, durationMs: number): void {
    if (request.kind === "me") return;
    const kind = request.kind === "page" || request.kind === "refetch" ? "page" : "lookup";
    const previous = this.#durationMs[kind];
    this.#durationMs[kind] =
      previous === 0 ? durationMs : previous + (durationMs - previous) * NEWEST_WEIGHT;
  }

  /** What planning depends on. */
  plannerInput() {
    return {
      requestDurationMs: this.#durationMs,
      unmatchedLookupsLastMinute: this.#countLastMinute("unmatched"),
      isUnmatchedLookupTurn: this.#lastPurpose !== "unmatched",
      confirmationsLastMinute: this.#countLastMinute("confirmation"),
      isConfirmationTurn: this.#lastPurpose !== "confirmation",
      requestsSinceSweepPage: this.#requestsSinceSweepPage,
    };
  }

  /** What the requests of the last minute were for. */
  get mode(): "sweep" | "lookup" | "mixed" {
    const targeted = (["watched", "unmatched", "confirmation"] as const)
      .map((purpose) => this.#countLastMinute(purpose))
      .some((count) => count > 0);
    if (!targeted) return "sweep";
    return this.#countLastMinute("sweep") === 0 ? "lookup" : "mixed";
  }

  #countLastMinute(purpose: Purpose): number {
    const times = this.#sentAt[purpose];
    const since = this.#clock.monotonic() - MINUTE_MS;
    while (times.length > 0 && (times[0] ?? 0) <= since) times.shift();
    return times.length;
  }
}
