import { LATENCY_MS, type Scene } from "./point.js";

const WINDOW_MS = 60_000;
const SEEN_IN_TIME_MS = 30_000;
/** No multiple of the interval, so that all phases are met alike. */
const SAMPLE_EVERY_MS = 1_370;
const BUCKETS_A_SECOND = 10;

export interface Outcome {
  /** Of the watched persons, over the time measured, seconds. */
  readonly meanAge: number;
  readonly p95Age: number;
  /** Share of the watched persons' changes that were seen within 30 s. */
  readonly seenInTime: number;
  readonly requestsAMinute: number;
  readonly refused: number;
  readonly refusedShare: number;
}

/** Webex as far as freshness goes: a hidden limit in any sliding minute, and what its answers tell of the watched persons. */
export class Service {
  readonly scene: Scene;
  readonly #admitted: number[] = [];
  readonly #toldAt: Float64Array;
  readonly #nextChange: Uint32Array;
  readonly #ages: number[] = [];
  #samples = 0;
  #ageSum = 0;
  #nextSampleAt: number;
  #changes = 0;
  #seenInTime = 0;
  #requests = 0;
  #refused = 0;

  constructor(scene: Scene) {
    this.scene = scene;
    this.#toldAt = new Float64Array(scene.places.length);
    this.#nextChange = new Uint32Array(scene.places.length);
    this.#nextSampleAt = scene.warmUpMs;
  }

  /** A request arrives: 0 if it is answered, else the milliseconds of `Retry-After`, whole seconds. A refused one does not count. */
  arrive(now: number): number {
    const counted = now >= this.scene.warmUpMs;
    if (counted) this.#requests += 1;
    while (this.#admitted.length > 0 && (this.#admitted[0] ?? 0) <= now - WINDOW_MS) this.#admitted.shift();
    if (this.#admitted.length < this.scene.point.limit) {
      this.#admitted.push(now);
      return 0;
    }
    if (counted) this.#refused += 1;
    return Math.ceil(((this.#admitted[0] ?? now) + WINDOW_MS - now) / 1_000) * 1_000;
  }

  tellPage(page: number, now: number): void {
    this.#sampleUntil(now);
    for (const index of this.scene.onPage[page] ?? []) this.#tell(index, now);
  }

  /** Tells of one watched person. */
  tellPerson(index: number, now: number): void {
    this.#sampleUntil(now);
    this.#tell(index, now);
  }

  /** How often the person's status has changed by then. */
  changesBy(index: number): number {
    return this.#nextChange[index] ?? 0;
  }

  outcome(): Outcome {
    const { warmUpMs, endMs } = this.scene;
    this.#sampleUntil(endMs);
    this.#nextChange.forEach((_, index) => this.#takeChanges(index, endMs, false));
    let left = Math.ceil(0.95 * this.#samples);
    const bucket = this.#ages.findIndex((count) => (left -= count) <= 0);
    return {
      meanAge: this.#ageSum / this.#samples / 1_000,
      p95Age: bucket / BUCKETS_A_SECOND,
      seenInTime: this.#seenInTime / this.#changes,
      requestsAMinute: this.#requests / ((endMs - warmUpMs) / 60_000),
      refused: this.#refused,
      refusedShare: this.#refused / this.#requests,
    };
  }

  #tell(index: number, now: number): void {
    this.#toldAt[index] = now;
    this.#takeChanges(index, now, true);
  }

  /** What was told is on the screens half a latency later; a change that another has followed by then was never seen. */
  #takeChanges(index: number, now: number, told: boolean): void {
    const { warmUpMs, endMs, changes } = this.scene;
    const mine = changes[index] ?? [];
    let next = this.#nextChange[index] ?? 0;
    for (; (mine[next] ?? Number.POSITIVE_INFINITY) <= now; next += 1) {
      const at = mine[next] ?? 0;
      if (at < warmUpMs || at > endMs - SEEN_IN_TIME_MS) continue;
      this.#changes += 1;
      const isLast = (mine[next + 1] ?? Number.POSITIVE_INFINITY) > now;
      if (told && isLast && now + LATENCY_MS / 2 - at <= SEEN_IN_TIME_MS) this.#seenInTime += 1;
    }
    this.#nextChange[index] = next;
  }

  #sampleUntil(now: number): void {
    for (; this.#nextSampleAt < Math.min(now, this.scene.endMs); this.#nextSampleAt += SAMPLE_EVERY_MS) {
      for (const toldAt of this.#toldAt) {
        const age = this.#nextSampleAt - toldAt;
        const bucket = Math.floor((age / 1_000) * BUCKETS_A_SECOND);
        while (this.#ages.length <= bucket) this.#ages.push(0);
        this.#ages[bucket] = (this.#ages[bucket] ?? 0) + 1;
        this.#ageSum += age;
        this.#samples += 1;
      }
    }
  }
}
