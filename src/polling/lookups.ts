import type { Clock } from "../ports/clock.js";
import type { LookupCandidate, PolledRoster, WatchedDemand } from "../presence/polled-roster.js";

/** An address whose lookup failed lets the others go first for this long. */
const ASIDE_MS = 60_000;
/** An address that finds nobody although somebody has it (it is no e-mail) is not looked up again for this long. */
const IN_VAIN_MS = 3_600_000;

/** Which watched addresses to look up next. */
export class Lookups {
  readonly #clock: Clock;
  readonly #roster: PolledRoster;
  readonly #asideUntil = new Map<string, number>();
  /** Those of them that Webex was not heard about. */
  readonly #failed = new Set<string>();
  /** What the roster weighed a moment ago may be answered by now. */
  readonly #answeredAt = new Map<string, number>();

  constructor(clock: Clock, roster: PolledRoster) {
    this.#clock = clock;
    this.#roster = roster;
  }

  /** Watched addresses that match nobody and have no answer, up to `max`. */
  strangers(max: number): readonly string[] {
    this.#forget();
    const unanswered = this.#roster.unansweredAddresses(this.#asideUntil.size + max);
    return unanswered.filter((address) => !this.#asideUntil.has(address)).slice(0, max);
  }

  /** The same demand without those whom a lookup does not help, or helped just now. */
  refined(demand: WatchedDemand): WatchedDemand {
    if (this.#asideUntil.size === 0 && this.#answeredAt.size === 0) return demand;
    return { ...demand, lookups: this.#refined(demand.lookups), homeless: this.#refined(demand.homeless) };
  }

  /** The address has been looked up; so many persons were found. */
  found(address: string, persons: number): void {
    const now = this.#clock.monotonic();
    this.#failed.delete(address);
    if (persons === 0) this.#asideUntil.set(address, now + IN_VAIN_MS);
    else this.#answeredAt.set(address, now);
  }

  failed(address: string): void {
    this.#asideUntil.set(address, this.#clock.monotonic() + ASIDE_MS);
    this.#failed.add(address);
  }

  /** What made lookups fail may be over. */
  tryFailedAgain(): void {
    for (const address of this.#failed) this.#asideUntil.delete(address);
    this.#failed.clear();
  }

  #refined(candidates: readonly LookupCandidate[]): readonly LookupCandidate[] {
    return candidates.flatMap((candidate) => {
      if (this.#asideUntil.has(candidate.address)) return [];
      const answeredAt = this.#answeredAt.get(candidate.address) ?? 0;
      return answeredAt > candidate.observedAt ? [{ ...candidate, observedAt: answeredAt }] : [candidate];
    });
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [address, until] of this.#asideUntil) {
      if (until > now) continue;
      this.#asideUntil.delete(address);
      this.#failed.delete(address);
    }
    for (const [address, at] of this.#answeredAt) {
      if (now - at < ASIDE_MS) return;
      this.#answeredAt.delete(address);
    }
  }
}
