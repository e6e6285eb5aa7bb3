import type { PresenceRecord, PresenceState } from "../presence/record.js";
import { repeatedNamesOf, type PresenceChange } from "./terminal/presence-labels.js";

const MAX_CHANGES = 50;

/** The latest record of each watched person, and the latest changes. */
export class PresenceTracker {
  readonly #records = new Map<string, PresenceRecord>();
  #sorted: readonly PresenceRecord[] | null = null;
  #repeatedNames: ReadonlySet<string> | null = null;
  #changes: readonly PresenceChange[] = [];

  /** Adds the records of a subscription's result. */
  add(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#records.set(record.uri, record);
    this.#forgetDerived();
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
      this.#records.set(to.uri, to);
    }
    this.#forgetDerived();
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

  /** Sorted by name. */
  get records(): readonly PresenceRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) =>
      (a.displayName ?? a.uri).localeCompare(b.displayName ?? b.uri),
    );
    return this.#sorted;
  }

  /** The names that several people have. */
  get repeatedNames(): ReadonlySet<string> {
    this.#repeatedNames ??= repeatedNamesOf([...this.#records.values()]);
    return this.#repeatedNames;
  }

  /** The latest first. */
  get changes(): readonly PresenceChange[] {
    return this.#changes;
  }

  get totals(): ReadonlyMap<PresenceState, number> {
    const totals = new Map<PresenceState, number>();
    for (const { state } of this.#records.values()) totals.set(state, (totals.get(state) ?? 0) + 1);
    return totals;
  }

  #forgetDerived(): void {
    this.#sorted = null;
    this.#repeatedNames = null;
  }
}

/** Whether the worker has not requested the person's presence yet. */
export function isPending({ reason }: PresenceRecord): boolean {
  return reason === "notReady" || reason === "disabled" || reason === "blocked";
}
