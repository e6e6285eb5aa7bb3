import { LightRecord, type LightShares } from "./light-record.js";
import { type Scenario, SETTLED_AFTER_MS, START_MS } from "./scenario.js";

const WINDOW_MS = 60_000;
const SEEN_WITHIN_MS = 30_000;
/** Not a multiple of the poll interval, so that samples fall into all of its phases. */
const SAMPLE_INTERVAL_MS = 1_370;
const BUCKETS_PER_SECOND = 10;

/** Mean ages, in seconds, after a start; without a response, the time since the start counts. */
export interface StartAges {
  readonly firstTenMinutes: number;
  /** From the third minute to the tenth. */
  readonly settled: number;
}

export interface Outcome {
  /** Ages of the watched persons during the measurement, seconds. */
  readonly meanAge: number;
  readonly p95Age: number;
  /** Share of the watched persons' changes that were displayed within 30 s. */
  readonly seenWithin30s: number;
  readonly light: LightShares;
  readonly afterStart: StartAges;
  readonly requestsPerMinute: number;
  readonly rejected: number;
  readonly rejectedShare: number;
}

/** The persons in a response, as indexes of the scenario, and when Webex read their presence. */
export interface Reading {
  readonly persons: readonly number[];
  readonly readAt: number;
}

/** Webex's hidden rate limit. Rejected requests do not count towards it. */
export class HiddenLimit {
  readonly #perMinute: number;
  readonly #admitted: number[] = [];

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /**
   * Returns 0 if the request is answered, otherwise `Retry-After` in milliseconds, a multiple of
   * 1,000.
   */
  handleRequest(now: number): number {
    while ((this.#admitted[0] ?? now) <= now - WINDOW_MS) this.#admitted.shift();
    if (this.#admitted.length < this.#perMinute) {
      this.#admitted.push(now);
      return 0;
    }
    return Math.ceil(((this.#admitted[0] ?? now) + WINDOW_MS - now) / 1_000) * 1_000;
  }
}

/**
 * Models Webex for one run of a client, and measures how fresh the responses keep that client.
 * Several requests may be in flight. The calls are in the order of their times.
 */
export class ServiceModel {
  readonly scenario: Scenario;
  readonly #limit: HiddenLimit;
  /** When the watch of everybody began, and from then on when Webex read a person's presence. */
  readonly #observedAt: Float64Array;
  readonly #nextChange: Uint32Array;
  readonly #light: LightRecord;
  readonly #steady: AgeSamples;
  readonly #firstTenMinutes: AgeSamples;
  readonly #settled: AgeSamples;
  #nextSampleAt: number;
  #changes = 0;
  #seenWithin30s = 0;
  #requests = 0;
  #rejected = 0;

  /** `startedAt`: when the client starts, in milliseconds of the scenario. */
  constructor(scenario: Scenario, limit: HiddenLimit, startedAt = 0) {
    const { warmUpMs, endMs, positions } = scenario;
    this.scenario = scenario;
    this.#limit = limit;
    this.#observedAt = new Float64Array(positions.length).fill(startedAt);
    this.#nextChange = new Uint32Array(positions.length);
    this.#light = new LightRecord(scenario, warmUpMs, endMs);
    this.#steady = new AgeSamples(warmUpMs, endMs);
    this.#firstTenMinutes = new AgeSamples(startedAt, startedAt + START_MS);
    this.#settled = new AgeSamples(startedAt + SETTLED_AFTER_MS, startedAt + START_MS);
    this.#nextSampleAt = startedAt;
  }

  /** See `HiddenLimit`. */
  handleRequest(now: number): number {
    const isMeasured = now >= this.scenario.warmUpMs && now < this.scenario.endMs;
    if (isMeasured) this.#requests += 1;
    const retryAfterMs = this.#limit.handleRequest(now);
    if (isMeasured && retryAfterMs > 0) this.#rejected += 1;
    return retryAfterMs;
  }

  /** Webex reads the presence on a page of the list. */
  readPage(page: number, now: number): Reading {
    const { onPage, pageMs } = this.scenario;
    return this.#read(onPage[page] ?? [], now, now + pageMs / 2);
  }

  /** Webex reads the presence of a watched person. */
  readPerson(index: number, now: number): Reading {
    return this.#read([index], now, now + this.scenario.lookupMs / 2);
  }

  /** The response has arrived and is shown. */
  show({ persons, readAt }: Reading, now: number): void {
    for (const index of persons) this.#light.show(index, readAt, now);
  }

  /** Returns how often the person's status had changed when Webex last read it. */
  countChanges(index: number): number {
    return this.#nextChange[index] ?? 0;
  }

  outcome(): Outcome {
    const { warmUpMs, endMs } = this.scenario;
    this.#sampleUntil(endMs);
    this.#nextChange.forEach((_, index) => this.#countChanges(index, endMs, null));
    return {
      meanAge: this.#steady.mean,
      p95Age: this.#steady.p95,
      seenWithin30s: this.#seenWithin30s / this.#changes,
      light: this.#light.shares(),
      afterStart: this.startAges(),
      requestsPerMinute: this.#requests / ((endMs - warmUpMs) / 60_000),
      rejected: this.#rejected,
      rejectedShare: this.#rejected / this.#requests,
    };
  }

  /** Ten minutes after the start, or later. */
  startAges(): StartAges {
    this.#sampleUntil(this.#firstTenMinutes.untilMs);
    return { firstTenMinutes: this.#firstTenMinutes.mean, settled: this.#settled.mean };
  }

  #read(persons: readonly number[], readAt: number, shownAt: number): Reading {
    this.#sampleUntil(readAt);
    for (const index of persons) {
      this.#observedAt[index] = readAt;
      this.#countChanges(index, readAt, shownAt);
    }
    return { persons, readAt };
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
    for (; this.#nextSampleAt < now; this.#nextSampleAt += SAMPLE_INTERVAL_MS) {
      for (const samples of [this.#steady, this.#firstTenMinutes, this.#settled]) {
        samples.add(this.#nextSampleAt, this.#observedAt);
      }
    }
  }
}

/** The ages of the watched persons at the samples between two times. */
class AgeSamples {
  readonly fromMs: number;
  readonly untilMs: number;
  /** The number of ages in each tenth of a second. */
  readonly #buckets: number[] = [];
  #sum = 0;
  #count = 0;

  constructor(fromMs: number, untilMs: number) {
    this.fromMs = fromMs;
    this.untilMs = untilMs;
  }

  add(now: number, observedAt: Float64Array): void {
    if (now < this.fromMs || now >= this.untilMs) return;
    for (const at of observedAt) {
      const age = now - at;
      const bucket = Math.floor((age / 1_000) * BUCKETS_PER_SECOND);
      while (this.#buckets.length <= bucket) this.#buckets.push(0);
      this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
      this.#sum += age;
      this.#count += 1;
    }
  }

  /** Seconds. */
  get mean(): number {
    return this.#sum / this.#count / 1_000;
  }

  /** Seconds. */
  get p95(): number {
    let left = Math.ceil(0.95 * this.#count);
    return this.#buckets.findIndex((count) => (left -= count) <= 0) / BUCKETS_PER_SECOND;
  }
}
