import type { Scenario } from "./scenario.js";

const WINDOW_MS = 60_000;
const SEEN_WITHIN_MS = 30_000;
/** Not a multiple of the poll interval, so that samples fall into all of its phases. */
const SAMPLE_INTERVAL_MS = 1_370;
const BUCKETS_PER_SECOND = 10;

export interface Outcome {
  /** Ages of the watched persons during the measurement, seconds. */
  readonly meanAge: number;
  readonly p95Age: number;
  /** Share of the watched persons' changes that were displayed within 30 s. */
  readonly seenWithin30s: number;
  readonly requestsPerMinute: number;
  readonly rejected: number;
  readonly rejectedShare: number;
}

/** Models Webex with a hidden rate limit, and measures how fresh its responses keep a client. */
export class ServiceModel {
  readonly scenario: Scenario;
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

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.#observedAt = new Float64Array(scenario.positions.length);
    this.#nextChange = new Uint32Array(scenario.positions.length);
    this.#nextSampleAt = scenario.warmUpMs;
  }

  /**
   * Returns 0 if the request is answered, otherwise `Retry-After` in milliseconds, a multiple of
   * 1,000. Rejected requests do not count towards the limit.
   */
  handleRequest(now: number): number {
    const isMeasured = now >= this.scenario.warmUpMs;
    if (isMeasured) this.#requests += 1;
    while ((this.#admitted[0] ?? now) <= now - WINDOW_MS) this.#admitted.shift();
    if (this.#admitted.length < this.scenario.point.limit) {
      this.#admitted.push(now);
      return 0;
    }
    if (isMeasured) this.#rejected += 1;
    return Math.ceil(((this.#admitted[0] ?? now) + WINDOW_MS - now) / 1_000) * 1_000;
  }

  observePage(page: number, now: number): void {
    this.#sampleUntil(now);
    const { onPage, pageMs } = this.scenario;
    for (const index of onPage[page] ?? []) this.#observe(index, now, now + pageMs / 2);
  }

  observePerson(index: number, now: number): void {
    this.#sampleUntil(now);
    this.#observe(index, now, now + this.scenario.lookupMs / 2);
  }

  /** Returns how often the person's status had changed when they were last observed. */
  countChanges(index: number): number {
    return this.#nextChange[index] ?? 0;
  }

  outcome(): Outcome {
    const { warmUpMs, endMs } = this.scenario;
    this.#sampleUntil(endMs);
    this.#nextChange.forEach((_, index) => this.#countChanges(index, endMs, null));
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

  #observe(index: number, now: number, displayedAt: number): void {
    this.#observedAt[index] = now;
    this.#countChanges(index, now, displayedAt);
  }

  /**
   * Counts the person's changes up to now. The response to an observation is displayed when it has
   * arrived, and only the latest change before it is displayed at all. null: no observation.
   */
  #countChanges(index: number, now: number, displayedAt: number | null): void {
    const { warmUpMs, endMs, changes } = this.scenario;
    const personChanges = changes[index] ?? [];
    let next = this.#nextChange[index] ?? 0;
    for (; (personChanges[next] ?? Number.POSITIVE_INFINITY) <= now; next += 1) {
      const at = personChanges[next] ?? 0;
      if (at < warmUpMs || at > endMs - SEEN_WITHIN_MS) continue;
      this.#changes += 1;
      const isLast = (personChanges[next + 1] ?? Number.POSITIVE_INFINITY) > now;
      const isSeen = displayedAt !== null && displayedAt - at <= SEEN_WITHIN_MS;
      if (isSeen && isLast) this.#seenWithin30s += 1;
    }
    this.#nextChange[index] = next;
  }

  #sampleUntil(now: number): void {
    while (this.#nextSampleAt < Math.min(now, this.scenario.endMs)) {
      for (const observedAt of this.#observedAt) {
        const age = this.#nextSampleAt - observedAt;
        const bucket = Math.floor((age / 1_000) * BUCKETS_PER_SECOND);
        while (this.#ages.length <= bucket) this.#ages.push(0);
        this.#ages[bucket] = (this.#ages[bucket] ?? 0) + 1;
        this.#ageSum += age;
        this.#samples += 1;
      }
      this.#nextSampleAt += SAMPLE_INTERVAL_MS;
    }
  }
}
