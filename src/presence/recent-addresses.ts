/**
 * Addresses with the time (monotonic milliseconds) of what last happened to them, forgotten once that is longer ago than the
 * window. Every call takes constant time: the oldest come first, and each addition makes up to two of them go.
 */
export class RecentAddresses {
  readonly #windowMs: number;
  readonly #times = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Returns whether the address was not there. */
  add(address: string, now: number): boolean {
    const isKnown = this.has(address, now);
    this.#times.delete(address);
    this.#times.set(address, now);
    this.#evict(now);
    return !isKnown;
  }

  has(address: string, now: number): boolean {
    const time = this.#times.get(address);
    return time !== undefined && now - time <= this.#windowMs;
  }

  /** Takes the address out; returns its time, or null where it is not there any more. */
  remove(address: string, now: number): number | null {
    if (this.#times.size === 0) return null;
    const time = this.has(address, now) ? this.#times.get(address) : undefined;
    this.#times.delete(address);
    return time ?? null;
  }

  /** The time of the oldest one inside the window. */
  oldestTime(now: number): number | null {
    for (const time of this.#times.values()) if (now - time <= this.#windowMs) return time;
    return null;
  }

  *within(now: number): Generator<string> {
    for (const [address, time] of this.#times) if (now - time <= this.#windowMs) yield address;
  }

  #evict(now: number): void {
    let remaining = 2;
    for (const [address, time] of this.#times) {
      if (remaining === 0 || now - time <= this.#windowMs) return;
      this.#times.delete(address);
      remaining -= 1;
    }
  }
}
