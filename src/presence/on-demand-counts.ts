import type { Clock } from "../ports/clock.js";
import type { OnDemandCalls } from "./polled-roster.js";

const BUCKET_MS = 1_000;
const MINUTE_MS = 60_000;

/** The calls of one second. */
export interface OnDemandBucket {
  /** Monotonic milliseconds. */
  readonly from: number;
  asked: number;
  answeredInTime: number;
  late: number;
}

/** Counts the calls of the last minute that had to ask Webex, by the second. */
export class OnDemandCounts {
  readonly #clock: Clock;
  #buckets: OnDemandBucket[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a call. When it ends, count that in the returned bucket. */
  add(): OnDemandBucket {
    this.#evictExpired();
    const from = Math.floor(this.#clock.monotonic() / BUCKET_MS) * BUCKET_MS;
    let bucket = this.#buckets.at(-1);
    if (bucket?.from !== from) {
      bucket = { from, asked: 0, answeredInTime: 0, late: 0 };
      this.#buckets.push(bucket);
    }
    bucket.asked += 1;
    return bucket;
  }

  report(): OnDemandCalls {
    this.#evictExpired();
    const sum = (member: "asked" | "answeredInTime" | "late"): number =>
      this.#buckets.reduce((total, bucket) => total + bucket[member], 0);
    return {
      lastMinute: sum("asked"),
      answeredInTime: sum("answeredInTime"),
      late: sum("late"),
    };
  }

  #evictExpired(): void {
    const earliest = this.#clock.monotonic() - MINUTE_MS;
    const isExpired = ({ from }: OnDemandBucket): boolean => from <= earliest;
    if (this.#buckets[0] !== undefined && isExpired(this.#buckets[0])) {
      this.#buckets = this.#buckets.filter((bucket) => !isExpired(bucket));
    }
  }
}
