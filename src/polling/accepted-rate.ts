const MINUTE_MS = 60_000;
/** A rate that every worker starts with says nothing. */
const MIN_RATE = 60;

/** The most requests that Webex has answered in a minute since it last rejected one. */
export class AcceptedRate {
  #perMinute: number;
  /** When the responses of the last minute came, in monotonic milliseconds. */
  #answeredAt: number[] = [];

  /** `learned`: what an earlier process has found out, or null. */
  constructor(learned: number | null) {
    this.#perMinute = learned ?? 0;
  }

  /** Null unless more than 60 were answered. */
  get perMinute(): number | null {
    return this.#perMinute > MIN_RATE ? this.#perMinute : null;
  }

  recordAnswer(now: number): void {
    this.#answeredAt = this.#answeredAt.filter((at) => at > now - MINUTE_MS);
    this.#answeredAt.push(now);
    this.#perMinute = Math.max(this.#perMinute, this.#answeredAt.length);
  }

  recordRejection(): void {
    this.#perMinute = 0;
    this.#answeredAt = [];
  }
}
