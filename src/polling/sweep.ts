import type { PageTold } from "../presence/polled-roster.js";
import type { PageReference, PeoplePage } from "../webex/people-api.js";

const MOST_PAGES = 10_000;
const MOST_PAGES_WITHOUT_NEWS = 100;
const MOST_RESTARTS = 2;
const TRIES_OF_ONE_PAGE = 4;

/** One walk over all pages of an organization's people: where it stands and whether it still gets anywhere. */
export class Sweep {
  /** `clock.monotonic()` */
  readonly startedAt: number;
  /** Wall-clock time, epoch milliseconds. */
  readonly startedAtWall: number;
  /** What the roster calls this walk. */
  number: number;
  page: PageReference;
  pages = 0;
  requests = 0;
  /** Distinct persons seen. */
  persons = 0;
  /** Somebody's status came. */
  sharesStatus = false;
  readonly #visited = new Set<string>();
  #pagesWithoutNews = 0;
  #restarts = 0;
  #failuresHere = 0;

  constructor(number: number, page: PageReference, startedAt: number, startedAtWall: number) {
    this.number = number;
    this.page = page;
    this.startedAt = startedAt;
    this.startedAtWall = startedAtWall;
  }

  /** Counts the page and what it told in. `endless`: the links lead in a circle, or nowhere. */
  take(page: PeoplePage, told: PageTold): "more" | "last" | "endless" {
    this.pages += 1;
    this.#failuresHere = 0;
    const known = this.persons;
    this.persons = told.seenInSweep;
    this.sharesStatus ||= told.sharesStatus;
    if (page.next === null) return "last";
    // A page of bots alone is no sign of a circle.
    const onlyBots = told.persons === 0 && page.items.length > 0;
    if (this.persons > known) this.#pagesWithoutNews = 0;
    else if (!onlyBots) this.#pagesWithoutNews += 1;
    if (this.#visited.has(page.next)) return "endless";
    if (this.pages >= MOST_PAGES || this.#pagesWithoutNews >= MOST_PAGES_WITHOUT_NEWS) return "endless";
    this.#visited.add(page.next);
    this.page = { kind: "next", url: page.next };
    return "more";
  }

  /** Walks again from the first page, under a new number of the roster's. */
  beginAgain(number: number, page: PageReference): void {
    this.number = number;
    this.page = page;
    this.pages = 0;
    this.sharesStatus = false;
    this.persons = 0;
    this.#visited.clear();
    this.#pagesWithoutNews = 0;
    this.#failuresHere = 0;
  }

  /** The present link leads nowhere. True if it is worth beginning again, false if that was done often enough. */
  linkBroken(): boolean {
    this.#restarts += 1;
    return this.#restarts <= MOST_RESTARTS;
  }

  /** Webex failed on the present page. True once it has failed on this one link so often that the link is to blame. */
  pageFailed(): boolean {
    this.#failuresHere += 1;
    return this.page.kind === "next" && this.#failuresHere >= TRIES_OF_ONE_PAGE;
  }
}
