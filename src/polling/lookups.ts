import type { Clock } from "../ports/clock.js";
import type { PolledRoster } from "../presence/polled-roster.js";

const MINUTE_MS = 60_000;
/** An address whose lookup failed lets the others go first for this long. */
const ASIDE_MS = 60_000;

/** Which watched addresses to look up next, and how many lookups were made lately. */
export class Lookups {
  readonly #clock: Clock;
  readonly #roster: PolledRoster;
  readonly #asideUntil = new Map<string, number>();
  #madeAt: readonly number[] = [];

  constructor(clock: Clock, roster: PolledRoster) {
    this.#clock = clock;
    this.#roster = roster;
  }

  get lastMinute(): number {
    const since = this.#clock.monotonic() - MINUTE_MS;
    this.#madeAt = this.#madeAt.filter((at) => at > since);
    return this.#madeAt.length;
  }

  /** At most one: the next to look up. */
  candidates(): readonly string[] {
    const now = this.#clock.monotonic();
    for (const [address, until] of this.#asideUntil) if (until <= now) this.#asideUntil.delete(address);
    const unanswered = this.#roster.unansweredAddresses(this.#asideUntil.size + 1);
    return unanswered.filter((address) => !this.#asideUntil.has(address)).slice(0, 1);
  }

  made(): void {
    this.#madeAt = [...this.#madeAt, this.#clock.monotonic()];
  }

  failed(address: string): void {
    this.#asideUntil.set(address, this.#clock.monotonic() + ASIDE_MS);
  }
}
