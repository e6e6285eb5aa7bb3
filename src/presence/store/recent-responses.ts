import type { Clock } from "../../ports/clock.js";
import { toIdKey } from "./person-columns.js";

/** No request takes longer: 60 s, and some time for what the worker does with it. */
const MAX_IN_FLIGHT_MS = 65_000;

/** When a response came, and when its request was sent. */
export interface ResponseTime {
  /** When it came: by the wall clock, for display, and in elapsed milliseconds, for ages. */
  readonly wall: number;
  readonly elapsed: number;
  /** When the request was sent: in monotonic and in elapsed milliseconds. */
  readonly sentAt: number;
  readonly sentElapsed: number;
  /** Whether no response to a request that was sent later has come yet. */
  readonly isInOrder: boolean;
}

/** What one caller accepts as fresh. */
export interface FreshnessNeed {
  /** When the call came. Elapsed milliseconds. */
  readonly calledAt: number;
  /** Responses before the call are fresh if sent for then or later. Elapsed milliseconds. */
  readonly observedFrom: number;
  /** Responses after the call are fresh if sent for then or later. Monotonic milliseconds. */
  readonly sentFrom: number;
  /** The same for a sweep, by its beginning. Elapsed milliseconds. */
  readonly sweptFrom: number;
}

/**
 * When the requests of the latest responses were sent. Several requests are in flight at a time, so
 * an answer may come after the answer to a request that was sent later, which it must not
 * overwrite. Nothing is kept for a person: the time of the latest observation, which the store has
 * anyway, identifies the response.
 */
export class RecentResponses {
  readonly #clock: Clock;
  /** By the elapsed time at which a response came, in order: when its request was sent. */
  readonly #sent = new Map<number, Pick<ResponseTime, "sentAt" | "sentElapsed">>();
  /** Persons who were gone, by the key of their id: when the request was sent. */
  readonly #goneAt = new Map<string, number>();
  #latestSentAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a response that comes now. `sentAt` is in monotonic milliseconds; default: now. */
  record(sentAt = this.#clock.monotonic()): ResponseTime {
    const now = this.#clock.elapsed();
    this.#evictExpired();
    let elapsed = now;
    // Each time identifies one response, even on a coarse clock.
    while ((this.#sent.get(elapsed)?.sentAt ?? sentAt) !== sentAt) elapsed = nextAfter(elapsed);
    const isInOrder = sentAt >= this.#latestSentAt;
    if (isInOrder) this.#latestSentAt = sentAt;
    const sentElapsed = now - Math.max(0, this.#clock.monotonic() - sentAt);
    this.#sent.set(elapsed, { sentAt, sentElapsed });
    return { wall: this.#clock.now(), elapsed, sentAt, sentElapsed, isInOrder };
  }

  /**
   * Returns whether an observation, by the time at which it came, is from a later request than
   * the response.
   */
  isOutdated(response: ResponseTime, observedElapsed: number): boolean {
    return !response.isInOrder && this.#sentAtOf(observedElapsed) > response.sentAt;
  }

  /** Records that Webex does not have the person any more. */
  recordGone(id: string, { sentAt }: ResponseTime): void {
    const key = toIdKey(id);
    const previous = this.#goneAt.get(key) ?? sentAt;
    this.#goneAt.delete(key);
    this.#goneAt.set(key, Math.max(previous, sentAt));
  }

  /** Returns whether the person was gone when a later request than the response's was answered. */
  isGone(response: ResponseTime, id: string): boolean {
    if (response.isInOrder || this.#goneAt.size === 0) return false;
    return (this.#goneAt.get(toIdKey(id)) ?? Number.NEGATIVE_INFINITY) > response.sentAt;
  }

  /**
   * Returns whether an observation, by the time at which it came, is fresh enough. Webex may have
   * read what it reports as soon as the request was sent, so the age counts from then, or from the
   * arrival once that is forgotten.
   */
  isFresh(observedElapsed: number, need: FreshnessNeed): boolean {
    const sentElapsed = this.#sent.get(observedElapsed)?.sentElapsed ?? observedElapsed;
    if (observedElapsed <= need.calledAt && sentElapsed >= need.observedFrom) return true;
    return observedElapsed >= need.calledAt && this.#sentAtOf(observedElapsed) >= need.sentFrom;
  }

  #sentAtOf(observedElapsed: number): number {
    return this.#sent.get(observedElapsed)?.sentAt ?? Number.NEGATIVE_INFINITY;
  }

  #evictExpired(): void {
    const earliest = this.#clock.elapsed() - MAX_IN_FLIGHT_MS;
    for (const elapsed of this.#sent.keys()) {
      if (elapsed >= earliest) break;
      this.#sent.delete(elapsed);
    }
    const earliestSent = this.#clock.monotonic() - 2 * MAX_IN_FLIGHT_MS;
    for (const [key, sentAt] of this.#goneAt) {
      if (sentAt >= earliestSent) break;
      this.#goneAt.delete(key);
    }
  }
}

function nextAfter(time: number): number {
  return Math.max(time * (1 + Number.EPSILON), Number.MIN_VALUE);
}
