import type { PageResult } from "../presence/polled-roster.js";
import type { PageReference, PeoplePage } from "../webex/people-api.js";

const MAX_PAGES = 10_000;
const MAX_PAGES_WITHOUT_NEW_PERSONS = 100;
const MAX_RESTARTS = 2;
const MAX_ATTEMPTS_PER_PAGE = 4;

/** One walk over all pages of an organization's people: where it stands and whether it still gets anywhere. */
export class Sweep {
  /** `clock.monotonic()` */
  readonly startedAt: number;
  /** Wall-clock time, epoch milliseconds. */
  readonly startedAtWall: number;
  /** What the roster calls this walk. */
  id: number;
  page: PageReference;
  pages = 0;
  requests = 0;
  /** Distinct persons seen. */
  persons = 0;
  /** Somebody's status came. */
  sharesStatus = false;
  readonly #visited = new Set<string>();
  #pagesWithoutNewPersons = 0;
  #restarts = 0;
  #pageFailures = 0;

  constructor(id: number, page: PageReference, startedAt: number, startedAtWall: number) {
    this.id = id;
    this.page = page;
    this.startedAt = startedAt;
    this.startedAtWall = startedAtWall;
  }

  /** Counts the page and what it told in. `endless`: the links lead in a circle, or nowhere. */
  recordPage(page: PeoplePage, result: PageResult): "more" | "last" | "endless" {
    this.pages += 1;
    this.#pageFailures = 0;
    const personsBefore = this.persons;
    this.persons = result.seenInSweep;
    this.sharesStatus ||= result.sharesStatus;
    if (page.next === null) return "last";
    // A page of bots alone is no sign of a circle.
    const hasOnlyBots = result.persons === 0 && page.items.length > 0;
    if (this.persons > personsBefore) this.#pagesWithoutNewPersons = 0;
    else if (!hasOnlyBots) this.#pagesWithoutNewPersons += 1;
    if (this.#visited.has(page.next)) return "endless";
    if (this.pages >= MAX_PAGES || this.#pagesWithoutNewPersons >= MAX_PAGES_WITHOUT_NEW_PERSONS)
      return "endless";
    this.#visited.add(page.next);
    this.page = { kind: "next", url: page.next };
    return "more";
  }

  /** Walks again from the first page, under a new number of the roster's. */
  restart(id: number, page: PageReference): void {
    this.id = id;
    this.page = page;
    this.pages = 0;
    this.sharesStatus = false;
    this.persons = 0;
    this.#visited.clear();
    this.#pagesWithoutNewPersons = 0;
    this.#pageFailures = 0;
  }

  /** The present link leads nowhere. True if it is worth beginning again, false if that was done often enough. */
  recordBrokenLink(): boolean {
    this.#restarts += 1;
    return this.#restarts <= MAX_RESTARTS;
  }

  /** Webex failed on the present page. True once it has failed on this one link so often that the link is to blame. */
  recordPageFailure(): boolean {
    this.#pageFailures += 1;
    return this.page.kind === "next" && this.#pageFailures >= MAX_ATTEMPTS_PER_PAGE;
  }
}
