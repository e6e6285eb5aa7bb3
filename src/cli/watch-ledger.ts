import type { PresenceRecord, PresenceState } from "../presence/record.js";
import type { PresenceChange } from "./terminal/presence-table.js";

const MAX_CHANGES = 50;

/** What the worker has told of the people watched: the latest record of each, and what changed. */
export class PresenceTracker {
  readonly #records = new Map<string, PresenceRecord>();
  #sorted: readonly PresenceRecord[] | null = null;
  #changes: readonly PresenceChange[] = [];

  /** Takes the answer to the subscription. */
  setInitial(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#records.set(record.uri, record);
    this.#sorted = null;
  }

  /** Takes a `presence/changed`. `first`: people heard of for the first time; `changes`: those who went from one state to another. */
  apply(
    records: readonly PresenceRecord[],
    at: number,
  ): { readonly added: readonly PresenceRecord[]; readonly changes: readonly PresenceChange[] } {
    const added: PresenceRecord[] = [];
    const changes: PresenceChange[] = [];
    for (const to of records) {
      const from = this.#records.get(to.uri);
      this.#records.set(to.uri, to);
      if (from === undefined || isPending(from)) added.push(to);
      else changes.push({ at, from, to });
    }
    this.#sorted = null;
    this.#changes = [...changes.toReversed(), ...this.#changes].slice(0, MAX_CHANGES);
    return { added, changes };
  }

  /** Takes what a query answered: the same states, told by Webex more lately. What differs comes as a change by itself. */
  refresh(records: readonly PresenceRecord[]): void {
    for (const record of records) {
      const known = this.#records.get(record.uri);
      if (known?.state === record.state && known.reason === record.reason)
        this.#records.set(record.uri, record);
    }
    this.#sorted = null;
  }

  /** By name, as people look for people. */
  get records(): readonly PresenceRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) =>
      sortName(a).localeCompare(sortName(b)),
    );
    return this.#sorted;
  }

  /** The latest first. */
  get changes(): readonly PresenceChange[] {
    return this.#changes;
  }

  get totals(): ReadonlyMap<PresenceState, number> {
    return countStates(this.#records.values());
  }
}

export function countStates(records: Iterable<PresenceRecord>): Map<PresenceState, number> {
  const counts = new Map<PresenceState, number>();
  for (const { state } of records) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** Nothing that Webex said: what follows is the first word on that person, no change. */
function isPending({ reason }: PresenceRecord): boolean {
  return reason === "notReady" || reason === "disabled" || reason === "blocked";
}

function sortName({ displayName, uri }: PresenceRecord): string {
  return displayName ?? uri;
}
