import { LATENCY_MS, type Scenario } from "./scenario.js";

const WINDOW_MS = 60_000;
const SEEN_WITHIN_MS = 30_000;
/** No multiple of the interval, so that all phases are met alike. */
const SAMPLE_EVERY_MS = 1_370;
const BUCKETS_PER_SECOND = 10;

export interface Outcome {
  /** Of the watched persons, over the time measured, seconds. */
  readonly meanAge: number;
  readonly p95Age: number;
  /** Share of the watched persons' changes that were seen within 30 s. */
  readonly seenWithin30s: number;
  readonly requestsPerMinute: number;
  readonly rejected: number;
  readonly rejectedShare: number;
}

/** Webex as far as freshness goes: a hidden limit in any sliding minute, and what its answers tell of the watched persons. */
export class ServiceModel {
  readonly scene: Scenario;
  readonly #admitted: number[] = [];
  readonly #observedAt: Float64Array;
  readonly #nextChange: Uint32Array;
  readonly #ages: number[] = [];
  #samples = 0;
  #ageSum = 0;
  #nextSampleAt: number;
  #changes = 0;
  #seenWithin30s = 0;
  #requests = 0;
  #rejected = 0;

  constructor(scene: Scenario) {
    this.scene = scene;
    this.#observedAt = new Float64Array(scene.positions.length);
    this.#nextChange = new Uint32Array(scene.positions.length);
    this.#nextSampleAt = scene.warmUpMs;
  }

  /** A request arrives: 0 if it is answered, else the milliseconds of `Retry-After`, whole seconds. A refused one does not count. */
  handleRequest(now: number): number {
    const isMeasured = now >= this.scene.warmUpMs;
    if (isMeasured) this.#requests += 1;
    while (this.#admitted.length > 0 && (this.#admitted[0] ?? 0) <= now - WINDOW_MS)
      this.#admitted.shift();
    if (this.#admitted.length < this.scene.point.limit) {
      this.#admitted.push(now);
      return 0;
    }
    if (isMeasured) this.#rejected += 1;
    return Math.ceil(((this.#admitted[0] ?? now) + WINDOW_MS - now) / 1_000) * 1_000;
  }

  observePage(page: number, now: number): void {
    this.#sampleUntil(now);
    for (const index of this.scene.onPage[page] ?? []) this.#observe(index, now);
  }

  /** Tells of one watched person. */
  observePerson(index: number, now: number): void {
    this.#sampleUntil(now);
    this.#observe(index, now);
  }

  /** How often the person's status has changed by then. */
  countChanges(index: number): number {
    return this.#nextChange[index] ?? 0;
  }

  outcome(): Outcome {
    const { warmUpMs, endMs } = this.scene;
    this.#sampleUntil(endMs);
    this.#nextChange.forEach((_, index) => this.#countChanges(index, endMs, false));
    let left = Math.ceil(0.95 * this.#samples);
    const bucket = this.#ages.findIndex((count) => (left -= count) <= 0);
    return {
      meanAge: this.#ageSum / this.#samples / 1_000,
      p95Age: bucket / BUCKETS_PER_SECOND,
      seenWithin30s: this.#seenWithin30s / this.#changes,
      requestsPerMinute: this.#requests / ((endMs - warmUpMs) / 60_000),
      rejected: this.#rejected,
      rejectedShare: this.#rejected / this.#requests,
    };
  }

  #observe(index: number, now: number): void {
    this.#observedAt[index] = now;
    this.#countChanges(index, now, true);
  }

  /** What was told is on the screens half a latency later; a change that another has followed by then was never seen. */
  #countChanges(index: number, now: number, isObserved: boolean): void {
    const { warmUpMs, endMs, changes } = this.scene;
    const personChanges = changes[index] ?? [];
    let next = this.#nextChange[index] ?? 0;
    for (; (personChanges[next] ?? Number.POSITIVE_INFINITY) <= now; next += 1) {
      const at = personChanges[next] ?? 0;
      if (at < warmUpMs || at > endMs - SEEN_WITHIN_MS) continue;
      this.#changes += 1;
      const isLast = (personChanges[next + 1] ?? Number.POSITIVE_INFINITY) > now;
      if (isObserved && isLast && now + LATENCY_MS / 2 - at <= SEEN_WITHIN_MS)
        this.#seenWithin30s += 1;
    }
    this.#nextChange[index] = next;
  }

  #sampleUntil(now: number): void {
    for (
      ;
      this.#nextSampleAt < Math.min(now, this.scene.endMs);
      this.#nextSampleAt += SAMPLE_EVERY_MS
    ) {
      for (const observedAt of this.#observedAt) {
        const age = this.#nextSampleAt - observedAt;
        const bucket = Math.floor((age / 1_000) * BUCKETS_PER_SECOND);
        while (this.#ages.length <= bucket) this.#ages.push(0);
        this.#ages[bucket] = (this.#ages[bucket] ?? 0) + 1;
        this.#ageSum += age;
        this.#samples += 1;
      }
    }
  }
}
