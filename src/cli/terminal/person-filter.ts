import { foldText, searchWords } from "../../presence/folded-text.js";
import type { PresenceRecord, PresenceState } from "../../presence/record.js";

/** Longer ones find nobody; a paste may be of any length. */
const MAX_SEARCH_LENGTH = 200;

export interface SearchablePersons {
  /** The same array as long as nobody has changed. */
  readonly records: readonly PresenceRecord[];
  /** By address, from `searchKeyOf`. To compute all of them takes longer than to search them. */
  readonly searchKeys: ReadonlyMap<string, string>;
}

/** Finds people by a search text and by their state. */
export class PersonFilter {
  #search = "";
  #state: PresenceState | null = null;
  /** The result for the latest list of people. */
  #latest: {
    readonly records: readonly PresenceRecord[];
    readonly matches: readonly PresenceRecord[];
  } | null = null;

  /** The people whose `#keys` are known, at the same positions. */
  #keyed: readonly PresenceRecord[] = [];
  #keys: readonly string[] = [];

  get search(): string {
    return this.#search;
  }

  set search(text: string) {
    this.#search = text.slice(0, MAX_SEARCH_LENGTH);
    this.#latest = null;
  }

  /** The state of the people to show; null = any. */
  get state(): PresenceState | null {
    return this.#state;
  }

  set state(state: PresenceState | null) {
    this.#state = state;
    this.#latest = null;
  }

  /** Whether it may leave people out. */
  get isActive(): boolean {
    return this.#state !== null || this.#search.trim() !== "";
  }

  /**
   * The people in the state whose name or address contains every word of the search text, whatever
   * the case, the accents and the order of the words; in the order of `records`.
   */
  matchesIn(persons: SearchablePersons): readonly PresenceRecord[] {
    const { records } = persons;
    if (!this.isActive) return records;
    if (this.#latest?.records !== records) this.#latest = { records, matches: this.#find(persons) };
    return this.#latest.matches;
  }

  /** Makes the first search as fast as the following ones. */
  prepare(persons: SearchablePersons): void {
    if (this.#keyed !== persons.records) this.#keysOf(persons);
  }

  #find(persons: SearchablePersons): readonly PresenceRecord[] {
    const state = this.#state;
    const words = searchWords(this.#search);
    const keys = words.length === 0 ? [] : this.#keysOf(persons);
    return persons.records.filter(
      (record, row) =>
        (state === null || record.state === state) &&
        words.every((word) => keys[row]?.includes(word)),
    );
  }

  /** The keys in the order of the records: to look all of them up takes longer than to search. */
  #keysOf({ records, searchKeys }: SearchablePersons): readonly string[] {
    const before = this.#keyed;
    const keys = this.#keys;
    this.#keys = records.map((record, row) => {
      const known = before[row];
      const isSame =
        known === record || (known?.uri === record.uri && known.displayName === record.displayName);
      return (isSame ? keys[row] : searchKeys.get(record.uri)) ?? "";
    });
    this.#keyed = records;
    return this.#keys;
  }
}

/** What is searched of a person. No word of a search contains the line end in it. */
export function searchKeyOf({
  displayName,
  uri,
}: Pick<PresenceRecord, "displayName" | "uri">): string {
  return foldText(`${displayName ?? ""}\n${uri}`);
}
