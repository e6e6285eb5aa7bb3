import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";

interface Waiter {
  readonly addresses: readonly string[];
  /** Those before it are ready. */
  at: number;
  readonly leave: (fault: Fault | null) => void;
}

/** Queries that wait for answers on their way. */
export class WaitingRoom {
  readonly #clock: Clock;
  readonly #isReady: (address: string) => boolean;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock, isReady: (address: string) => boolean) {
    this.#clock = clock;
    this.#isReady = isReady;
  }

  /** Resolves once all are ready, or the time (milliseconds) is over. Fault: `cancelled`. */
  wait(addresses: readonly string[], maxWaitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        waiter.leave(new Fault("cancelled", "The query was cancelled."));
      };
      const waiter: Waiter = {
        addresses,
        at: 0,
        leave: (fault) => {
          if (!this.#waiters.delete(waiter)) return;
          stopTimer();
          signal.removeEventListener("abort", onAbort);
          if (fault === null) resolve();
          else reject(fault);
        },
      };
      const stopTimer = this.#clock.timer(maxWaitMs, () => waiter.leave(null));
      this.#waiters.add(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Something became known. A waiter looks no further than its first address that is not ready, so this costs next to nothing. */
  recheck(): void {
    for (const waiter of [...this.#waiters]) {
      let next = waiter.addresses[waiter.at];
      while (next !== undefined && this.#isReady(next)) {
        waiter.at += 1;
        next = waiter.addresses[waiter.at];
      }
      if (next === undefined) waiter.leave(null);
    }
  }

  /** Lets everybody go with what is known. */
  close(): void {
    for (const waiter of [...this.#waiters]) waiter.leave(null);
  }
}
