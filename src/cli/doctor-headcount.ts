import type { PageReference, PeopleApi } from "../webex/people-api.js";

export interface Headcount {
  readonly persons: number;
  /** False where counting stopped before the last page. */
  readonly complete: boolean;
}

const PAGE_SIZE = 1_000;
/** The worker shares the organization's request limit with this count. */
const MAX_PAGES = 20;

/** How many people Webex lists. Faults: those of `PeopleApi`. */
export async function countPeople(
  people: Pick<PeopleApi, "listPage">,
  signal: AbortSignal,
): Promise<Headcount> {
  const ids = new Set<string>();
  let page: PageReference = { kind: "first", max: PAGE_SIZE };
  for (let pagesRead = 0; pagesRead < MAX_PAGES; pagesRead += 1) {
    const { items, next } = await people.listPage(page, signal);
    for (const item of items) {
      const person = item.read();
      if (person !== null) ids.add(person.id);
    }
    if (next === null) return { persons: ids.size, complete: true };
    page = { kind: "next", url: next };
  }
  return { persons: ids.size, complete: false };
}
