import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";

interface PendingQuery {
  readonly addresses: readonly string[];
  /** Those before it are ready. */
  nextIndex: number;
  readonly settle: (fault: Fault | null) => void;
}

/** Queries that wait for answers on their way. */
export class PendingQueries {
  readonly #clock: Clock;
  readonly #isReady: (address: string) => boolean;
  readonly #queries = new Set<PendingQuery>();

  constructor(clock: Clock, isReady: (address: string) => boolean) {
    this.#clock = clock;
    this.#isReady = isReady;
  }

  /** Resolves once all are ready, or the time (milliseconds) is over. Fault: `cancelled`. */
  wait(addresses: readonly string[], maxWaitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        query.settle(new Fault("cancelled", "The query was cancelled."));
      };
      const query: PendingQuery = {
        addresses,
        nextIndex: 0,
        settle: (fault) => {
          if (!this.#queries.delete(query)) return;
          stopTimer();
          signal.removeEventListener("abort", onAbort);
          if (fault === null) resolve();
          else reject(fault);
        },
      };
      const stopTimer = this.#clock.schedule(maxWaitMs, () => query.settle(null));
      this.#queries.add(query);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Something became known. A waiter looks no further than its first address that is not ready, so this costs next to nothing. */
  recheck(): void {
    for (const query of [...this.#queries]) {
      let next = query.addresses[query.nextIndex];
      while (next !== undefined && this.#isReady(next)) {
        query.nextIndex += 1;
        next = query.addresses[query.nextIndex];
      }
      if (next === undefined) query.settle(null);
    }
  }

  /** Lets everybody go with what is known. */
  settleAll(): void {
    for (const query of [...this.#queries]) query.settle(null);
  }
}
