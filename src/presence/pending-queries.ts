import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Resolver } from "./resolver.js";

interface PendingQuery {
  /** The keys that are not ready yet. */
  readonly keys: string[];
  readonly settle: (fault?: Fault) => void;
}

/** Queries that wait for an answer from Webex. */
export class PendingQueries {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #queries = new Set<PendingQuery>();

  constructor(clock: Clock, resolver: Resolver) {
    this.#clock = clock;
    this.#resolver = resolver;
  }

  /**
   * Resolves when all keys are ready, or after `maxWaitMs`. Rejects with `Fault` `cancelled`.
   */
  wait(keys: string[], maxWaitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (fault?: Fault): void => {
        if (!this.#queries.delete(query)) return;
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
        if (fault === undefined) resolve();
        else reject(fault);
      };
      const query: PendingQuery = { keys, settle };
      const onAbort = (): void => settle(cancelled());
      const cancelTimer = this.#clock.schedule(maxWaitMs, settle);
      this.#queries.add(query);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Cheap: it stops at the first key of each query that is not ready. */
  recheck(): void {
    if (this.#queries.size === 0) return;
    const now = this.#clock.elapsed();
    for (const { keys, settle } of [...this.#queries]) {
      for (let key = keys.at(-1); key !== undefined; key = keys.at(-1)) {
        if (this.#resolver.isPending(key, this.#resolver.resolve(key, now), now)) break;
        keys.pop();
      }
      if (keys.length === 0) settle();
    }
  }

  /** Settles all queries with what is known. */
  settleAll(): void {
    for (const { settle } of [...this.#queries]) settle();
  }
}

export function cancelled(): Fault {
  return new Fault("cancelled", "The query was cancelled.");
}
