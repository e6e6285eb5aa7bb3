import type { Knobs } from "./knobs.js";

const WINDOW_MS = 60_000;

/** Counts requests per organization in a sliding minute. A refused request does not count: it was not processed. */
export class RateLimiter {
  readonly #timestamps = new Map<string, number[]>();

  /** 0 when the request may pass, else the ms until one may. */
  acquire(orgId: string, now: number, limit: number): number {
    if (limit <= 0) return 0;
    const times = (this.#timestamps.get(orgId) ?? []).filter((time) => time > now - WINDOW_MS);
    this.#timestamps.set(orgId, times);
    if (times.length < limit) {
      times.push(now);
      return 0;
    }
    return Math.max(1, (times[times.length - limit] ?? now) + WINDOW_MS - now);
  }

  /** Takes up the minute of an organization, as other users of the limit do. */
  consume(orgId: string, now: number, requests: number): void {
    this.#timestamps.set(orgId, [
      ...(this.#timestamps.get(orgId) ?? []),
      ...new Array<number>(requests).fill(now),
    ]);
  }

  reset(): void {
    this.#timestamps.clear();
  }
}

/** The `Retry-After` of a refusal in the form asked for; null = no such header. */
export function retryAfterHeader(
  form: Knobs["retryAfterForm"],
  waitMs: number,
  now: number,
): string | null {
  switch (form) {
    case "seconds":
      return String(Math.ceil(waitMs / 1000));
    case "missing":
      return null;
    case "zero":
      return "0";
    case "rand":
      return "rand(30),add(30)";
    case "date":
      return new Date(Math.ceil((now + waitMs) / 1000) * 1000).toUTCString();
  }
}
