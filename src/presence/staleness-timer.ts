import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Resolver, Match } from "./resolver.js";
import { NOT_FOUND } from "./state-table.js";
import type { SubscriptionIndex } from "./subscription-index.js";

/**
 * What changes by time alone: records that become stale, and answers ("not found") that end. Each has one timer, set for the
 * earliest moment that anything can happen, so nobody is looked at in between.
 */
export class StalenessTimer {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex<Match>;
  readonly #onChanged: () => void;
  #staleTimer: Disposer | null = null;
  #expiryTimer: Disposer | null = null;
  /** Those last confirmed earlier than this have been touched, monotonic milliseconds. */
  #reportedUntil = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Clock,
    resolver: Resolver,
    subscriptions: SubscriptionIndex<Match>,
    onChanged: () => void,
  ) {
    this.#clock = clock;
    this.#resolver = resolver;
    this.#subscriptions = subscriptions;
    this.#onChanged = onChanged;
  }

  /** After Webex told something. */
  arm(): void {
    const now = this.#clock.monotonic();
    const staleAfterMs = this.#resolver.stores[0]?.staleAfterMs;
    if (this.#staleTimer === null && staleAfterMs !== undefined) this.#armStale(staleAfterMs);
    if (this.#expiryTimer === null) this.#armExpiry(now);
  }

  /** After a change of the time after which records are stale. */
  restart(): void {
    this.stop();
    this.#reportedUntil = Number.NEGATIVE_INFINITY;
    this.#reportStale();
    this.arm();
  }

  stop(): void {
    this.#staleTimer?.();
    this.#expiryTimer?.();
    this.#staleTimer = null;
    this.#expiryTimer = null;
  }

  #armStale(inMs: number): void {
    // One more than the age that is still fresh.
    this.#staleTimer = this.#clock.schedule(Math.max(0, inMs) + 1, () => {
      this.#staleTimer = null;
      this.#reportStale();
      this.#onChanged();
    });
  }

  #reportStale(): void {
    const staleAfterMs = this.#resolver.stores[0]?.staleAfterMs;
    if (staleAfterMs === undefined) return;
    const until = this.#clock.monotonic() - staleAfterMs;
    const oldest = Math.min(
      ...this.#resolver.stores.map((roster) => roster.reportStale(this.#reportedUntil, until)),
    );
    this.#reportedUntil = until;
    if (Number.isFinite(oldest)) this.#armStale(oldest - until);
  }

  #armExpiry(now: number): void {
    const ends = this.#resolver.stores.flatMap((roster) => roster.nextAnswerExpiry(now) ?? []);
    if (ends.length === 0) return;
    this.#expiryTimer = this.#clock.schedule(Math.max(0, Math.min(...ends) - now) + 1, () => {
      this.#expiryTimer = null;
      const later = this.#clock.monotonic();
      if (!this.#resolver.stores.every((roster) => roster.hasSweepAnswer(later)))
        this.#subscriptions.markLastNotified(NOT_FOUND);
      this.#armExpiry(later);
      this.#onChanged();
    });
  }
}
