import type { Knobs } from "./knobs.js";

const WINDOW_MS = 60_000;

/**
 * Counts requests per organization in a sliding minute. Refused requests do not count, because they
 * were not processed.
 */
export class RateLimiter {
  readonly #timestamps = new Map<string, number[]>();

  /** Returns 0 if the request is allowed, otherwise the milliseconds until one will be. */
  acquire(orgId: string, now: number, limit: number): number {
    if (limit <= 0) return 0;
    const recent = (this.#timestamps.get(orgId) ?? []).filter((time) => time > now - WINDOW_MS);
    this.#timestamps.set(orgId, recent);
    if (recent.length < limit) {
      recent.push(now);
      return 0;
    }
    return Math.max(1, (recent[recent.length - limit] ?? now) + WINDOW_MS - now);
  }

  /** Uses up part of an organization's limit, as other integrations do. */
  consume(orgId: string, now: number, requests: number): void {
    const consumed = new Array<number>(requests).fill(now);
    this.#timestamps.set(orgId, [...(this.#timestamps.get(orgId) ?? []), ...consumed]);
  }

  reset(): void {
    this.#timestamps.clear();
  }
}

/** The value of `Retry-After` in the given form; null leaves the header out. */
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
