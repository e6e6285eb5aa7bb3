import { STALE_AFTER_MS, type Scenario } from "./scenario.js";

/** Shares of the watched persons' time. */
export interface LightShares {
  /** The status shown is another one than the person's. */
  readonly incorrect: number;
  /** The same if stale records were shown as well. */
  readonly incorrectAtAnyAge: number;
  /** Nothing is shown yet, or the record is marked as stale. */
  readonly unknown: number;
}

/**
 * What operators see of each watched person between two times: the status of the latest response,
 * or nothing if there is none or it was read too long ago. Times are those of the scenario.
 */
export class LightRecord {
  readonly #scenario: Scenario;
  readonly #fromMs: number;
  readonly #untilMs: number;
  /** By person: when Webex read what is shown, and that status. */
  readonly #readAt: Float64Array;
  readonly #shown: string[] = [];
  /** By person: until when the shares are counted, and the number of changes up to then. */
  readonly #countedUntil: Float64Array;
  readonly #changes: Uint32Array;
  #incorrectMs = 0;
  #incorrectAtAnyAgeMs = 0;
  #unknownMs = 0;

  constructor(scenario: Scenario, fromMs: number, untilMs: number) {
    const persons = scenario.positions.length;
    this.#scenario = scenario;
    this.#fromMs = fromMs;
    this.#untilMs = untilMs;
    this.#readAt = new Float64Array(persons).fill(Number.NEGATIVE_INFINITY);
    this.#countedUntil = new Float64Array(persons).fill(fromMs);
    this.#changes = new Uint32Array(persons);
  }

  /** A response that Webex read at `readAt` is shown from now on, unless a newer one already is. */
  show(index: number, readAt: number, now: number): void {
    if (readAt <= (this.#readAt[index] ?? 0)) return;
    this.#countUntil(index, now);
    this.#readAt[index] = readAt;
    const { changes, statuses } = this.#scenario;
    let count = this.#changes[index] ?? 0;
    while (isAtOrBefore(changes[index]?.[count], now)) count += 1;
    while (count > 0 && !isAtOrBefore(changes[index]?.[count - 1], readAt)) count -= 1;
    this.#shown[index] = statuses[index]?.[count] ?? "";
  }

  shares(): LightShares {
    this.#readAt.forEach((_, index) => this.#countUntil(index, this.#untilMs));
    const totalMs = this.#readAt.length * (this.#untilMs - this.#fromMs);
    return {
      incorrect: this.#incorrectMs / totalMs,
      incorrectAtAnyAge: this.#incorrectAtAnyAgeMs / totalMs,
      unknown: this.#unknownMs / totalMs,
    };
  }

  #countUntil(index: number, now: number): void {
    const changes = this.#scenario.changes[index] ?? [];
    const statuses = this.#scenario.statuses[index] ?? [];
    let at = this.#countedUntil[index] ?? 0;
    const until = Math.min(now, this.#untilMs);
    if (until <= at) return;
    const staleAt = (this.#readAt[index] ?? 0) + STALE_AFTER_MS;
    this.#unknownMs += Math.max(0, until - Math.max(at, staleAt));
    let count = this.#changes[index] ?? 0;
    while (isAtOrBefore(changes[count], at)) count += 1;
    const shown = this.#shown[index];
    while (at < until) {
      const isStale = at >= staleAt;
      const next = Math.min(changes[count] ?? until, until, isStale ? until : staleAt);
      if (shown !== undefined && statuses[count] !== shown) {
        this.#incorrectAtAnyAgeMs += next - at;
        if (!isStale) this.#incorrectMs += next - at;
      }
      at = next;
      if (isAtOrBefore(changes[count], at)) count += 1;
    }
    this.#changes[index] = count;
    this.#countedUntil[index] = until;
  }
}

function isAtOrBefore(change: number | undefined, time: number): boolean {
  return change !== undefined && change <= time;
}
