import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Resolver, Sight } from "./resolver.js";
import { NOT_FOUND } from "./state-table.js";
import type { WatchList } from "./watch-list.js";

/**
 * What changes by time alone: records that become stale, and answers ("not found") that end. Each has one timer, set for the
 * earliest moment that anything can happen, so nobody is looked at in between.
 */
export class Upkeep {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #watchList: WatchList<Sight>;
  readonly #onTouched: () => void;
  #staleTimer: Disposer | null = null;
  #answerTimer: Disposer | null = null;
  /** Those last confirmed earlier than this have been touched, monotonic milliseconds. */
  #staleUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, resolver: Resolver, watchList: WatchList<Sight>, onTouched: () => void) {
    this.#clock = clock;
    this.#resolver = resolver;
    this.#watchList = watchList;
    this.#onTouched = onTouched;
  }

  /** After Webex told something. */
  arm(): void {
    const now = this.#clock.monotonic();
    const staleAfterMs = this.#resolver.rosters[0]?.staleAfterMs;
    if (this.#staleTimer === null && staleAfterMs !== undefined) this.#armStale(staleAfterMs);
    if (this.#answerTimer === null) this.#armAnswer(now);
  }

  /** After a change of the time after which records are stale. */
  restart(): void {
    this.stop();
    this.#staleUntil = Number.NEGATIVE_INFINITY;
    this.#checkStale();
    this.arm();
  }

  stop(): void {
    this.#staleTimer?.();
    this.#answerTimer?.();
    this.#staleTimer = null;
    this.#answerTimer = null;
  }

  #armStale(inMs: number): void {
    // One more than the age that is still fresh.
    this.#staleTimer = this.#clock.timer(Math.max(0, inMs) + 1, () => {
      this.#staleTimer = null;
      this.#checkStale();
      this.#onTouched();
    });
  }

  #checkStale(): void {
    const staleAfterMs = this.#resolver.rosters[0]?.staleAfterMs;
    if (staleAfterMs === undefined) return;
    const until = this.#clock.monotonic() - staleAfterMs;
    const oldest = Math.min(...this.#resolver.rosters.map((roster) => roster.touchConfirmed(this.#staleUntil, until)));
    this.#staleUntil = until;
    if (Number.isFinite(oldest)) this.#armStale(oldest - until);
  }

  #armAnswer(now: number): void {
    const ends = this.#resolver.rosters.flatMap((roster) => roster.nextAnswerEnd(now) ?? []);
    if (ends.length === 0) return;
    this.#answerTimer = this.#clock.timer(Math.max(0, Math.min(...ends) - now) + 1, () => {
      this.#answerTimer = null;
      const later = this.#clock.monotonic();
      if (!this.#resolver.rosters.every((roster) => roster.sweepAnswers(later))) this.#watchList.touchTold(NOT_FOUND);
      this.#armAnswer(later);
      this.#onTouched();
    });
  }
}
