import type { PresenceRecord } from "../../presence/record.js";
import type { Command } from "./keys.js";

/**
 * The selected person of a table. The selection follows the person, since rows move when names
 * become known. While a search leaves them out, somebody else is selected in their place.
 */
export class TableCursor {
  /** Null until a key selects somebody: the first person, whoever that is. */
  #uri: string | null = null;
  /** Where the person was last, or whoever is there while the person is missing. */
  #index = 0;

  /** The position of the selected person; 0 if there is nobody. */
  index(records: readonly PresenceRecord[]): number {
    const { length } = records;
    const isThere = this.#uri !== null && records[this.#index]?.uri === this.#uri;
    const found =
      this.#uri === null || isThere ? -1 : records.findIndex(({ uri }) => uri === this.#uri);
    if (found !== -1) this.#index = found;
    return Math.max(0, Math.min(this.#index, length - 1));
  }

  /** Moves the selection if the command does so; `pageSize` is a number of records. */
  handleCommand(command: Command, records: readonly PresenceRecord[], pageSize: number): void {
    const offset = offsetOf(command, records.length, pageSize);
    if (offset === null || records.length === 0) return;
    const index = this.index(records) + offset;
    this.#index = Math.max(0, Math.min(index, records.length - 1));
    this.#uri = records[this.#index]?.uri ?? null;
  }

  /** Selects the person at the selected position, who may stand in for a missing one. */
  keep(records: readonly PresenceRecord[]): void {
    this.#uri = records[this.index(records)]?.uri ?? this.#uri;
  }

  /** The records are others now: while the person is missing, the first one is selected. */
  reset(): void {
    this.#index = 0;
  }
}

/** 0 selects the person at the selected position; null changes nothing. */
function offsetOf(command: Command, count: number, pageSize: number): number | null {
  switch (command) {
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
    case "refresh":
      return 0;
    default:
      return null;
  }
}
