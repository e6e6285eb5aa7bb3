/** Weight of the newest request: some ten of them count. */
const NEWEST = 1 / 4;

/** How long requests take, milliseconds; 0 while that is not known. A page may take seconds, a lookup hardly ever does. */
export class RequestTimes {
  page = 0;
  lookup = 0;

  took(kind: "page" | "lookup", ms: number): void {
    const before = this[kind];
    this[kind] = before === 0 ? ms : before + (ms - before) * NEWEST;
  }
}
