import type { GridPoint } from "./scenario.js";
import type { Outcome } from "./service-model.js";
import type { WorkerOutcome } from "./worker-measurement.js";

/** What was measured at a point. */
export interface Result {
  readonly point: GridPoint;
  readonly bound: number;
  readonly worker: WorkerOutcome;
  readonly sweeps: Outcome;
  readonly lookups: Outcome;
  readonly sweepsIgnoringRetryAfter: Outcome;
  /** The worker if Webex rejects old links. */
  readonly withoutOldLinks: WorkerOutcome;
  /** The worker if `RequestsPerMinute` is Webex's limit. */
  readonly withLimitSet: WorkerOutcome;
  /** The worker and the baselines if every response takes 100 ms. */
  readonly flatWorker: WorkerOutcome;
  readonly flatSweeps: Outcome;
  readonly flatLookups: Outcome;
}
