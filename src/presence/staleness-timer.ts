import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import { NOT_FOUND } from "./record.js";
import type { Resolver } from "./resolver.js";
import type { SubscriptionIndex } from "./subscription-index.js";

/**
 * The longest sleep. Timers do not count time during which the machine is suspended: after a
 * resume, one that is set for the due time itself would sleep on for all of its remaining time. And
 * `SuspensionClock` notices only a suspension that lasts clearly longer than this.
 */
const MAX_SLEEP_MS = 1_000;

/**
 * Reports what changes without an answer from Webex: records that become stale, and "not found"
 * answers that expire. It visits persons only when the earliest of them is due.
 */
export class StalenessTimer {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex;
  readonly #onChanged: () => void;
  #cancelTimer: Disposer | null = null;
  /** When the next record may become stale; infinity if none will. */
  #staleDue = Number.POSITIVE_INFINITY;
  /** When the next answer expires; infinity if none will. */
  #expiryDue = Number.POSITIVE_INFINITY;
  /** Persons last observed before this time have been reported. */
  #reportedUntil = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Clock,
    resolver: Resolver,
    subscriptions: SubscriptionIndex,
    onChanged: () => void,
  ) {
    this.#clock = clock;
    this.#resolver = resolver;
    this.#subscriptions = subscriptions;
    this.#onChanged = onChanged;
  }

  /** Call it after each answer from Webex. */
  arm(): void {
    const now = this.#clock.elapsed();
    const staleAfterMs = this.#resolver.stores[0]?.staleAfterMs;
    if (this.#staleDue === Number.POSITIVE_INFINITY && staleAfterMs !== undefined) {
      this.#staleDue = now + staleAfterMs;
    }
    if (this.#expiryDue === Number.POSITIVE_INFINITY) this.#expiryDue = this.#nextExpiry(now);
    this.#schedule(now);
  }

  /** Call it after a change of the age at which records are stale. */
  restart(): void {
    this.stop();
    this.#reportedUntil = Number.NEGATIVE_INFINITY;
    this.#reportStale(this.#clock.elapsed());
    this.arm();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#staleDue = Number.POSITIVE_INFINITY;
    this.#expiryDue = Number.POSITIVE_INFINITY;
  }

  #schedule(now: number): void {
    const due = Math.min(this.#staleDue, this.#expiryDue);
    // A pending timer is early enough: new due times are further ahead than the longest sleep.
    if (this.#cancelTimer !== null || due === Number.POSITIVE_INFINITY) return;
    // At its due time itself, a record is still fresh and an answer still valid.
    const delayMs = Math.min(Math.max(0, due - now) + 1, MAX_SLEEP_MS);
    this.#cancelTimer = this.#clock.schedule(delayMs, () => this.#check());
  }

  #check(): void {
    this.#cancelTimer = null;
    const now = this.#clock.elapsed();
    const isStaleDue = now > this.#staleDue;
    const isExpiryDue = now > this.#expiryDue;
    if (isStaleDue) this.#reportStale(now);
    if (isExpiryDue) {
      const { stores } = this.#resolver;
      if (!stores.every((store) => store.hasSweepAnswer(now))) {
        this.#subscriptions.markLastNotified(NOT_FOUND);
      }
      this.#expiryDue = this.#nextExpiry(now);
    }
    this.#schedule(now);
    if (isStaleDue || isExpiryDue) this.#onChanged();
  }

  #reportStale(now: number): void {
    const { stores } = this.#resolver;
    const staleAfterMs = stores[0]?.staleAfterMs ?? 0;
    const until = now - staleAfterMs;
    const oldest = stores.map((store) => store.reportStale(this.#reportedUntil, until));
    this.#reportedUntil = until;
    this.#staleDue = Math.min(...oldest) + staleAfterMs;
  }

  #nextExpiry(now: number): number {
    return Math.min(...this.#resolver.stores.map((store) => store.nextAnswerExpiry(now)));
  }
}
