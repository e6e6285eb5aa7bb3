import type { PresenceRecord } from "../presence/record.js";

/** Above this part of all records, sorting again is faster than inserting one by one. */
const MAX_INSERTED_PART = 0.2;
const { compare } = new Intl.Collator();

/**
 * Records in the order of their names. To sort 100,000 of them takes longer than a frame, so a
 * replaced record keeps its place, and others are inserted.
 */
export class SortedRecords {
  #records: readonly PresenceRecord[] = [];
  /** By address: the record in `#records` (null = none), and the one to be there. */
  readonly #pending = new Map<string, readonly [PresenceRecord | null, PresenceRecord]>();

  /** `before` is the record of the same address; null = none. */
  replace(before: PresenceRecord | null, record: PresenceRecord): void {
    const pending = this.#pending.get(record.uri);
    this.#pending.set(record.uri, [pending === undefined ? before : pending[0], record]);
  }

  /** By name, or address without one, then by address. A different array after each change. */
  get records(): readonly PresenceRecord[] {
    if (this.#pending.size > 0) this.#records = this.#merge();
    this.#pending.clear();
    return this.#records;
  }

  #merge(): readonly PresenceRecord[] {
    const replaced: (PresenceRecord | null)[] = [...this.#records];
    const inserted: PresenceRecord[] = [];
    for (const [before, record] of this.#pending.values()) {
      const staysInPlace = before !== null && sortName(before) === sortName(record);
      if (before !== null)
        replaced[findPosition(this.#records, before)] = staysInPlace ? record : null;
      if (!staysInPlace) inserted.push(record);
    }
    if (inserted.length === 0) return replaced as PresenceRecord[];
    if (inserted.length > this.#records.length * MAX_INSERTED_PART)
      return [...replaced.filter((record) => record !== null), ...inserted].sort(compareRecords);
    return this.#insert(replaced, inserted.sort(compareRecords));
  }

  /** Null in `replaced` is a record that has moved. */
  #insert(
    replaced: readonly (PresenceRecord | null)[],
    inserted: readonly PresenceRecord[],
  ): PresenceRecord[] {
    const merged: PresenceRecord[] = [];
    let next = 0;
    const appendUntil = (end: number): void => {
      for (; next < end; next += 1) {
        const record = replaced[next];
        if (record !== null && record !== undefined) merged.push(record);
      }
    };
    for (const record of inserted) {
      appendUntil(findPosition(this.#records, record));
      merged.push(record);
    }
    appendUntil(replaced.length);
    return merged;
  }
}

/** The position of a record in a sorted list, or the one where it would have to be inserted. */
function findPosition(records: readonly PresenceRecord[], record: PresenceRecord): number {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = records[middle];
    if (other !== undefined && compareRecords(other, record) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareRecords(a: PresenceRecord, b: PresenceRecord): number {
  return compare(sortName(a), sortName(b)) || (a.uri < b.uri ? -1 : Number(a.uri > b.uri));
}

function sortName({ displayName, uri }: PresenceRecord): string {
  return displayName ?? uri;
}
