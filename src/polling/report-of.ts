import type { Clock } from "../ports/clock.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PollingReport } from "./polling-report.js";
import type { RequestBudget } from "./request-budget.js";
import type { RequestsMade } from "./requests-made.js";
import type { RosterSweeps } from "./roster-sweeps.js";

export interface ReportedParts {
  readonly budget: RequestBudget;
  readonly clock: Clock;
  readonly roster: PolledRoster;
  readonly sweeps: RosterSweeps;
  readonly made: RequestsMade;
  /** Until when polling waits, monotonic milliseconds; null while it does not. */
  readonly waitsUntil: number | null;
}

/** How polling stands now. */
export function reportOf({ budget, clock, roster, sweeps, made, waitsUntil }: ReportedParts): PollingReport {
  const sweep = sweeps.current;
  const blocked = budget.blockedUntil > clock.monotonic();
  return {
    persons: roster.personCount,
    watched: roster.watchedCount,
    mode: made.mode,
    lastSweep: sweeps.lastComplete,
    sweepProgress: sweep === null ? null : { persons: sweep.persons, pages: sweep.pages },
    requests: {
      perMinuteLimit: budget.perMinuteLimit,
      lastMinute: budget.lastMinute,
      total: budget.total,
      rateLimited: budget.rateLimited,
      failed: budget.failed,
    },
    rateLimitedUntil: blocked ? iso(wallTime(clock, budget.blockedUntil)) : null,
    nextRequestAt: waitsUntil === null ? null : iso(wallTime(clock, waitsUntil)),
    ageSeconds: roster.watchedAges(),
  };
}

/** Epoch milliseconds of a monotonic time. */
export function wallTime(clock: Clock, monotonic: number): number {
  return clock.now() + (monotonic - clock.monotonic());
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
