import type { Chance } from "../ports/clock.js";

const FIRST_MS = 1_000;
const CAP_MS = 60_000;

/** How long to wait after a failure. Durations are milliseconds. */
export class Backoff {
  readonly #chance: Chance;
  #failures = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /**
   * What Webex asked for (and up to a tenth, at most 1 s, more, so that several workers do not come back together), else 1 s,
   * 2 s, 4 s ... up to `capMs`, of which a random half is taken off.
   */
  next(retryAfterMs: number | undefined, capMs = CAP_MS): number {
    if (retryAfterMs !== undefined && retryAfterMs > 0) {
      return retryAfterMs + Math.min(1_000, retryAfterMs / 10) * this.#chance.random();
    }
    const full = Math.min(capMs, FIRST_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return full / 2 + (full / 2) * this.#chance.random();
  }

  reset(): void {
    this.#failures = 0;
  }
}
