import type { PresenceRecord, PresenceState } from "../presence/record.js";
import { SortedRecords } from "./sorted-records.js";
import { searchKeyOf } from "./terminal/person-filter.js";
import type { PresenceChange } from "./terminal/presence-labels.js";

const MAX_CHANGES = 50;

/** The latest record of each watched person, and the latest changes. */
export class PresenceTracker {
  readonly #records = new Map<string, PresenceRecord>();
  readonly #sorted = new SortedRecords();
  readonly #searchKeys = new Map<string, string>();
  readonly #totals = new Map<PresenceState, number>();
  readonly #nameCounts = new Map<string, number>();
  readonly #repeatedNames = new Set<string>();
  #changes: readonly PresenceChange[] = [];

  /** Adds the records of a subscription's result. */
  add(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#set(record);
  }

  /** Applies a `presence/changed`. `added` had no presence before. */
  apply(
    records: readonly PresenceRecord[],
    at: number,
  ): { readonly added: readonly PresenceRecord[]; readonly changes: readonly PresenceChange[] } {
    const added: PresenceRecord[] = [];
    const changes: PresenceChange[] = [];
    for (const to of records) {
      const from = this.#records.get(to.uri);
      if (from === undefined || isPending(from)) added.push(to);
      else changes.push({ at, from, to });
      this.#set(to);
    }
    this.#changes = [...changes.toReversed(), ...this.#changes].slice(0, MAX_CHANGES);
    return { added, changes };
  }

  /** Applies newer observations of the same state. A notification will report a different one. */
  refresh(records: readonly PresenceRecord[]): void {
    this.add(
      records.filter(({ uri, state, reason }) => {
        const known = this.#records.get(uri);
        return known?.state === state && known.reason === reason;
      }),
    );
  }

  /** Sorted by name. The array is another one whenever a record is. */
  get records(): readonly PresenceRecord[] {
    return this.#sorted.records;
  }

  get searchKeys(): ReadonlyMap<string, string> {
    return this.#searchKeys;
  }

  /** The names that several people have. */
  get repeatedNames(): ReadonlySet<string> {
    return this.#repeatedNames;
  }

  /** The latest first. */
  get changes(): readonly PresenceChange[] {
    return this.#changes;
  }

  /** The number of people in each state; states that nobody is in are missing. */
  get totals(): ReadonlyMap<PresenceState, number> {
    return this.#totals;
  }

  #set(record: PresenceRecord): void {
    const before = this.#records.get(record.uri);
    this.#records.set(record.uri, record);
    this.#sorted.replace(before ?? null, record);
    if (before?.state !== record.state) {
      if (before !== undefined) count(this.#totals, before.state, -1);
      count(this.#totals, record.state, 1);
    }
    if (before?.displayName === record.displayName) return;
    this.#searchKeys.set(record.uri, searchKeyOf(record));
    if (before !== undefined) this.#countName(before, -1);
    this.#countName(record, 1);
  }

  #countName({ displayName }: PresenceRecord, difference: 1 | -1): void {
    if (displayName === null) return;
    if (count(this.#nameCounts, displayName, difference) > 1) this.#repeatedNames.add(displayName);
    else this.#repeatedNames.delete(displayName);
  }
}

/** Whether the worker has not requested the person's presence yet. */
export function isPending({ reason }: PresenceRecord): boolean {
  return reason === "notReady" || reason === "disabled" || reason === "blocked";
}

function count<K>(counts: Map<K, number>, key: K, difference: 1 | -1): number {
  const sum = (counts.get(key) ?? 0) + difference;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
  return sum;
}
