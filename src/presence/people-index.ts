import type { Clock } from "../ports/clock.js";
import { foldText, searchWords } from "./folded-text.js";
import { PRESENCE_STATES, type PresenceRecord, type PresenceState } from "./record.js";
import type { Resolver } from "./resolver.js";
import type { PersonStore } from "./store/person-store.js";
import { sortByNumber, sortByText } from "./sorted-rows.js";

/** Which people, in which order, and which part of them. */
export interface PeopleSelection {
  /** Words that name and address contain, without regard to case and accents; "" = everybody. */
  readonly search: string;
  /** Empty: every state. */
  readonly states: readonly PresenceState[];
  /** `age`: of Webex's latest report, the most recent one first. */
  readonly sort: "name" | "address" | "state" | "since" | "age";
  readonly order: "ascending" | "descending";
  readonly offset: number;
  readonly limit: number;
}

export interface SelectedPeople {
  /** Everyone known. */
  readonly total: number;
  readonly matching: number;
  readonly records: readonly PresenceRecord[];
  /** People have changed too recently to be sorted anew: ask again in a second. */
  readonly isOutdated: boolean;
}

/** How often people are sorted anew, and added and removed people noticed, while they change. */
const REFRESH_INTERVAL_MS = 1_000;
/** An index of many people is built less often, so that it takes no more than this share. */
const MAX_BUILD_SHARE = 1 / 20;
const MAX_PAUSE_MS = 5_000;
/** So that a row and a key fit into 64 bits; see `sortByNumber`. */
const MAX_ROWS = 2 ** 22;
/** The others are ignored: each takes some milliseconds of one turn for 100,000 people. */
const MAX_WORDS = 8;
/** How many people are read in one turn of the event loop: others want to be answered, too. */
const ROWS_PER_TURN = 4_000;

/** The people at one time. A row is one person. */
interface Rows {
  readonly stores: readonly PersonStore[];
  readonly versions: string;
  /** Elapsed milliseconds, and how long it took to build. */
  readonly builtAt: number;
  readonly buildMs: number;
  /** By row: the index of the store, and the person's slot in it. */
  readonly storeIndex: Uint16Array;
  readonly slots: Uint32Array;
  /** Rows by name, and by address. */
  readonly byName: Uint32Array;
  readonly byAddress: Uint32Array;
  /** By row: its position in `byName`. */
  readonly nameRank: Uint32Array;
  /** What is searched, of all rows: one flat text is searched faster, and takes less, than many. */
  readonly text: string;
  /** By row: the end of its text. */
  readonly textEnds: Uint32Array;
}

interface SortedRows {
  readonly key: string;
  readonly rows: Rows;
  readonly peopleVersion: number;
  readonly sortedAt: number;
  readonly sorted: Uint32Array;
}

/**
 * Searches and sorts everyone known, for a page that shows a window of them. It holds some 150
 * bytes for each person, so keep it only while such a page is open.
 */
export class PeopleIndex {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  readonly #peopleVersion: () => number;
  #rows: Rows | null = null;
  #building: Promise<Rows> | null = null;
  #found: { readonly search: string; readonly rows: Rows; readonly mask: Uint8Array } | null = null;
  #latest: SortedRows | null = null;

  /** `peopleVersion` rises when people may read differently. */
  constructor(resolver: Resolver, clock: Clock, peopleVersion: () => number) {
    this.#resolver = resolver;
    this.#clock = clock;
    this.#peopleVersion = peopleVersion;
  }

  async select(selection: PeopleSelection): Promise<SelectedPeople> {
    const rows = await this.#currentRows();
    const now = this.#clock.elapsed();
    const { sorted, isOutdated } = this.#sort(rows, selection, now);
    const { offset, limit, order } = selection;
    const records: PresenceRecord[] = [];
    const end = Math.min(sorted.length, offset + limit);
    for (let position = offset; position < end; position += 1) {
      const row = sorted[order === "ascending" ? position : sorted.length - 1 - position] ?? 0;
      const { store, slot } = personAt(rows, row);
      // Somebody may have been removed since the rows were built.
      if (!store.isInUse(slot)) continue;
      const match = this.#resolver.matchOf(store, slot, now);
      records.push(this.#resolver.toRecord(store.uriOf(slot), match));
    }
    return {
      total: rows.slots.length,
      matching: sorted.length,
      records,
      isOutdated: isOutdated || rows.versions !== versionsOf(rows.stores),
    };
  }

  async #currentRows(): Promise<Rows> {
    const { stores } = this.#resolver;
    const known = this.#rows;
    if (known?.stores === stores) {
      if (known.versions === versionsOf(stores)) return known;
      const paceMs = Math.min(MAX_PAUSE_MS, known.buildMs / MAX_BUILD_SHARE);
      const pauseMs = Math.max(REFRESH_INTERVAL_MS, paceMs);
      if (this.#clock.elapsed() - known.builtAt < pauseMs) return known;
    }
    this.#building ??= this.#build(stores).finally(() => (this.#building = null));
    return this.#building;
  }

  async #build(stores: readonly PersonStore[]): Promise<Rows> {
    const versions = versionsOf(stores);
    const builtAt = this.#clock.elapsed();
    let buildMs = 0;
    let startedAt = this.#clock.monotonic();
    const endOfTurn = async (): Promise<void> => {
      buildMs += this.#clock.monotonic() - startedAt;
      await new Promise<void>((resolve) => this.#clock.endOfTurn(resolve));
      startedAt = this.#clock.monotonic();
    };
    const built = await buildRows(stores, endOfTurn);
    buildMs += this.#clock.monotonic() - startedAt;
    return (this.#rows = { ...built, versions, builtAt, buildMs });
  }

  /** The matching rows in ascending order. */
  #sort(
    rows: Rows,
    selection: PeopleSelection,
    now: number,
  ): { readonly sorted: Uint32Array; readonly isOutdated: boolean } {
    const search = searchWords(selection.search).slice(0, MAX_WORDS).join(" ");
    const states = PRESENCE_STATES.filter((state) => selection.states.includes(state));
    const { sort } = selection;
    if (search === "" && states.length === 0) {
      if (sort === "name") return { sorted: rows.byName, isOutdated: false };
      if (sort === "address") return { sorted: rows.byAddress, isOutdated: false };
    }
    const peopleVersion = this.#peopleVersion();
    const key = JSON.stringify([search, states, sort]);
    const latest = this.#latest;
    if (latest?.key === key && latest.rows === rows) {
      const isOutdated = latest.peopleVersion !== peopleVersion;
      if (!isOutdated || now - latest.sortedAt < REFRESH_INTERVAL_MS)
        return { sorted: latest.sorted, isOutdated };
    }
    const matching = this.#filter(rows, search, states, now, sort);
    const sorted = this.#sortMatching(rows, matching, sort, now);
    this.#latest = { key, rows, peopleVersion, sortedAt: now, sorted };
    return { sorted, isOutdated: false };
  }

  /** The matching rows, by address if they are to be sorted so, otherwise by name. */
  #filter(
    rows: Rows,
    search: string,
    states: readonly PresenceState[],
    now: number,
    sort: PeopleSelection["sort"],
  ): Uint32Array {
    const all = sort === "address" ? rows.byAddress : rows.byName;
    const mask = search === "" ? null : this.#search(rows, search);
    if (mask === null && states.length === 0) return all;
    const isWanted = new Set<PresenceState>(states);
    return all.filter((row) => {
      if (mask !== null && mask[row] === 0) return false;
      return isWanted.size === 0 || isWanted.has(this.#stateOf(rows, row, now));
    });
  }

  #sortMatching(
    rows: Rows,
    matching: Uint32Array,
    sort: PeopleSelection["sort"],
    now: number,
  ): Uint32Array {
    const rankOf = (row: number): number => rows.nameRank[row] ?? 0;
    switch (sort) {
      case "name":
      case "address":
        return matching;
      case "state": {
        const ranks = new Map(PRESENCE_STATES.map((state, rank) => [state, rank]));
        const keyOf = (row: number): number => ranks.get(this.#stateOf(rows, row, now)) ?? 0;
        return sortByNumber(matching, keyOf, rankOf, rows.byName);
      }
      case "since": {
        const keyOf = (row: number): number => {
          const { store, slot } = personAt(rows, row);
          return this.#resolver.presenceSinceOf(store, slot, now);
        };
        return sortByNumber(matching, keyOf, rankOf, rows.byName);
      }
      case "age": {
        const newest = this.#clock.now();
        const keyOf = (row: number): number => {
          const { store, slot } = personAt(rows, row);
          return newest - store.observedWallOf(slot);
        };
        return sortByNumber(matching, keyOf, rankOf, rows.byName);
      }
    }
  }

  #stateOf(rows: Rows, row: number, now: number): PresenceState {
    const { store, slot } = personAt(rows, row);
    return this.#resolver.presenceOf(store, slot, now).state;
  }

  /** By row: 1 if it matches. */
  #search(rows: Rows, search: string): Uint8Array {
    const known = this.#found;
    if (known?.search === search && known.rows === rows) return known.mask;
    const masks = search.split(" ").map((word) => rowsWith(word, rows));
    const [mask = new Uint8Array(rows.textEnds.length), ...others] = masks;
    for (const other of others)
      other.forEach((found, row) => (mask[row] = (mask[row] ?? 0) & found));
    this.#found = { search, rows, mask };
    return mask;
  }
}

function personAt(rows: Rows, row: number): { store: PersonStore; slot: number } {
  const store = rows.stores[rows.storeIndex[row] ?? 0];
  if (store === undefined) throw new Error(`There is no row ${row}.`);
  return { store, slot: rows.slots[row] ?? 0 };
}

/** By row: 1 if its text contains the word. */
function rowsWith(word: string, { text, textEnds }: Rows): Uint8Array {
  const mask = new Uint8Array(textEnds.length);
  let row = 0;
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, textEnds[row])) {
    while ((textEnds[row] ?? Number.POSITIVE_INFINITY) <= at) row += 1;
    mask[row] = 1;
  }
  return mask;
}

function versionsOf(stores: readonly PersonStore[]): string {
  return stores.map((store) => store.version).join();
}

/** Reads the people in several turns of the event loop; somebody may be removed in between. */
async function buildRows(
  stores: readonly PersonStore[],
  endOfTurn: () => Promise<void>,
): Promise<Omit<Rows, "versions" | "builtAt" | "buildMs">> {
  const people = stores.flatMap((store, index) =>
    store.personCount === 0 ? [] : store.slots().map((slot) => ({ store, index, slot })),
  );
  const total = Math.min(MAX_ROWS, people.length);
  const storeIndex = new Uint16Array(total);
  const slots = new Uint32Array(total);
  const textEnds = new Uint32Array(total);
  const texts: string[] = [];
  const names: string[] = [];
  const addresses: string[] = [];
  let end = 0;
  for (const [row, { store, index, slot }] of people.slice(0, total).entries()) {
    if (row % ROWS_PER_TURN === ROWS_PER_TURN - 1) await endOfTurn();
    storeIndex[row] = index;
    slots[row] = slot;
    const text = foldText(store.searchTextOf(slot));
    texts.push(text);
    textEnds[row] = end += text.length;
    const nameEnd = text.indexOf(NAME_END);
    const uriEnd = text.indexOf(ADDRESS_MARK, nameEnd);
    const hasOwnUri = uriEnd > nameEnd + 1;
    const address = hasOwnUri
      ? text.slice(nameEnd + 1, uriEnd)
      : text.slice(uriEnd + 1, text.indexOf(ADDRESS_MARK, uriEnd + 1));
    addresses.push(address);
    names.push(nameEnd <= 0 ? address : text.slice(0, nameEnd));
  }
  if (total >= ROWS_PER_TURN) await endOfTurn();
  const byName = sortByText(names);
  const nameRank = new Uint32Array(total);
  byName.forEach((row, rank) => (nameRank[row] = rank));
  if (total >= ROWS_PER_TURN) await endOfTurn();
  const byAddress = sortByText(addresses);
  if (total >= ROWS_PER_TURN) await endOfTurn();
  return { stores, storeIndex, slots, byName, byAddress, nameRank, text: texts.join(""), textEnds };
}

/** In `PersonStore.searchTextOf`. No search contains them, so that it matches within one text. */
const NAME_END = "\u0000";
const ADDRESS_MARK = "\u0001";
