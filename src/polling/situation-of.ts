import type { WatchedDemand } from "../presence/polled-roster.js";
import type { Lookups } from "./lookups.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import type { RequestBudget } from "./request-budget.js";
import type { RequestTimes } from "./request-times.js";
import type { RequestsMade } from "./requests-made.js";
import type { RosterSweeps } from "./roster-sweeps.js";
import type { Situation } from "./situation.js";

export interface SituationSources {
  readonly budget: RequestBudget;
  readonly health: OrganizationHealth;
  readonly sweeps: RosterSweeps;
  readonly lookups: Lookups;
  readonly made: RequestsMade;
  readonly map: PageMap;
  readonly times: RequestTimes;
}

/** What the planner decides from, as it is at `now` (monotonic milliseconds). */
export function situationOf(
  { budget, health, sweeps, lookups, made, map, times }: SituationSources,
  watched: WatchedDemand,
  pollIntervalMs: number,
  now: number,
): Situation {
  return {
    now,
    notBefore: health.notBefore,
    nextPossibleAt: budget.nextPossibleAt(),
    requestsPerMinute: budget.pace,
    requestMs: times,
    pollIntervalMs,
    pageSize: sweeps.pageSize,
    sweep: sweeps.current,
    previousSweep: sweeps.previous,
    sweepRequested: sweeps.requested,
    strangers: lookups.strangers(map.count + 1),
    strangersLastMinute: made.lastMinute("stranger"),
    strangersTurn: made.strangersTurn,
    pages: map,
    watched,
    sinceSweepPage: made.sinceSweepPage,
  };
}
