import type { Clock } from "../ports/clock.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PollingReport } from "./polling-report.js";
import type { RequestBudget } from "./request-budget.js";
import type { RequestHistory } from "./requests-made.js";
import type { SweepRunner } from "./sweep-runner.js";

export interface ReportSources {
  readonly budget: RequestBudget;
  readonly clock: Clock;
  readonly roster: PolledRoster;
  readonly sweeps: SweepRunner;
  readonly made: RequestHistory;
  /** Until when polling waits, monotonic milliseconds; null while it does not. */
  readonly waitingUntil: number | null;
}

/** How polling stands now. */
export function createReport({
  budget,
  clock,
  roster,
  sweeps,
  made,
  waitingUntil,
}: ReportSources): PollingReport {
  const sweep = sweeps.current;
  const isBlocked = budget.blockedUntil > clock.monotonic();
  return {
    persons: roster.personCount,
    watched: roster.watchedCount,
    mode: made.mode,
    lastSweep: sweeps.lastCompleted,
    sweepProgress: sweep === null ? null : { persons: sweep.persons, pages: sweep.pages },
    requests: {
      perMinuteLimit: budget.perMinuteLimit,
      lastMinute: budget.lastMinute,
      total: budget.total,
      rateLimited: budget.rateLimited,
      failed: budget.failed,
    },
    rateLimitedUntil: isBlocked ? toIsoString(toWallTime(clock, budget.blockedUntil)) : null,
    nextRequestAt: waitingUntil === null ? null : toIsoString(toWallTime(clock, waitingUntil)),
    ageSeconds: roster.watchedAges(),
  };
}

/** Epoch milliseconds of a monotonic time. */
export function toWallTime(clock: Clock, monotonic: number): number {
  return clock.now() + (monotonic - clock.monotonic());
}

function toIsoString(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
