/**
 * The worker's clock, as far as the page knows it. Ages are reckoned by it, because the clock of
 * the browser's machine may differ.
 */
export class WorkerClock {
  #workerTime: number | null = null;
  #receivedAt = 0;

  /** `now`: the worker's time when it sent a message that has just arrived, ISO 8601. */
  set(now: string): void {
    const time = Date.parse(now);
    if (Number.isNaN(time)) return;
    this.#workerTime = time;
    this.#receivedAt = performance.now();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#workerTime === null
      ? Date.now()
      : this.#workerTime + performance.now() - this.#receivedAt;
  }

  /** The seconds since a time of the worker, at least 0; null for null. */
  secondsSince(time: string | null): number | null {
    if (time === null) return null;
    const seconds = (this.now() - Date.parse(time)) / 1_000;
    return Number.isNaN(seconds) ? null : Math.max(0, seconds);
  }
}
