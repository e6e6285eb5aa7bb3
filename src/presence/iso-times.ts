const MOST_KEPT = 512;

/** Wall-clock milliseconds as ISO 8601 UTC. A page of persons shares one time, so few are written out more than once. */
export class IsoTimes {
  readonly #known = new Map<number, string>();

  of(time: number): string {
    const known = this.#known.get(time);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST_KEPT) this.#known.clear();
    const text = new Date(time).toISOString();
    this.#known.set(time, text);
    return text;
  }
}
