import type { PresenceRecord } from "../../presence/record.js";
import type { Key } from "./keys.js";

/**
 * The selected person of a table. The selection follows the person, since rows move when names
 * become known.
 */
export class TableCursor {
  /** Null until a key selects somebody: the first person, whoever that is. */
  #uri: string | null = null;

  /** The position of the selected person. */
  index(records: readonly PresenceRecord[]): number {
    if (this.#uri === null) return 0;
    return Math.max(
      0,
      records.findIndex(({ uri }) => uri === this.#uri),
    );
  }

  /** Moves the selection if the key does so; `pageSize` is a number of records. */
  handleKey(key: Key, records: readonly PresenceRecord[], pageSize: number): void {
    const offset = offsetOf(key, records.length, pageSize);
    if (offset === 0 || records.length === 0) return;
    const index = this.index(records) + offset;
    this.#uri = records[Math.max(0, Math.min(index, records.length - 1))]?.uri ?? null;
  }
}

function offsetOf(key: Key, count: number, pageSize: number): number {
  switch (key) {
    case "up":
      return -1;
    case "down":
      return 1;
    case "pageUp":
      return -Math.max(1, pageSize);
    case "pageDown":
      return Math.max(1, pageSize);
    case "home":
      return -count;
    case "end":
      return count;
    case "quit":
    case "refresh":
      return 0;
  }
}
