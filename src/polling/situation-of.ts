import type { RefreshDemand } from "../presence/polled-roster.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import type { RequestBudget } from "./request-budget.js";
import type { RequestDurations } from "./request-times.js";
import type { RequestHistory } from "./requests-made.js";
import type { SweepRunner } from "./sweep-runner.js";
import type { PlannerInput } from "./situation.js";

export interface PlannerInputSources {
  readonly budget: RequestBudget;
  readonly health: OrganizationHealth;
  readonly sweeps: SweepRunner;
  readonly lookups: LookupScheduler;
  readonly made: RequestHistory;
  readonly pageMap: PageMap;
  readonly durations: RequestDurations;
}

/** What the planner decides from, as it is at `now` (monotonic milliseconds). */
export function createPlannerInput(
  { budget, health, sweeps, lookups, made, pageMap, durations }: PlannerInputSources,
  demand: RefreshDemand,
  pollIntervalMs: number,
  now: number,
): PlannerInput {
  return {
    now,
    notBefore: health.notBefore,
    nextPossibleAt: budget.nextPossibleAt(),
    requestsPerMinute: budget.ratePerMinute,
    requestDurationMs: durations,
    pollIntervalMs,
    pageSize: sweeps.pageSize,
    sweep: sweeps.current,
    previousSweep: sweeps.previous,
    isSweepRequested: sweeps.isRequested,
    unmatchedAddresses: lookups.unmatchedAddresses(pageMap.count + 1),
    unmatchedLookupsLastMinute: made.countLastMinute("stranger"),
    isUnmatchedLookupTurn: made.isUnmatchedLookupTurn,
    pages: pageMap,
    demand,
    requestsSinceSweepPage: made.requestsSinceSweepPage,
  };
}
