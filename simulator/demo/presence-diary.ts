import type { PresenceChange, PresenceTableModel } from "../../src/cli/presence-table.js";

export type PresenceRecord = PresenceTableModel["records"][number];
type PresenceState = PresenceRecord["state"];

const KEPT_CHANGES = 50;

/** What the host was told of the people it subscribed to: the latest record of each, and what changed. */
export class PresenceDiary {
  readonly #records = new Map<string, PresenceRecord>();
  #changes: readonly PresenceChange[] = [];
  #counted = 0;

  /** Takes the answer to a subscription. */
  begin(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#records.set(record.uri, record);
  }

  /** Takes a `presence/changed`. Returns the changes worth telling: those from one state that Webex told to another. */
  take(records: readonly PresenceRecord[], at: number): PresenceChange[] {
    const told: PresenceChange[] = [];
    for (const to of records) {
      const from = this.#records.get(to.uri);
      this.#records.set(to.uri, to);
      if (from && fromWebex(from) && fromWebex(to)) told.push({ at, from, to });
    }
    this.#counted += told.length;
    this.#changes = [...told.toReversed(), ...this.#changes].slice(0, KEPT_CHANGES);
    return told;
  }

  /** Takes what the worker says when asked again: newer ages. A change that is on its way as a notification is left to that. */
  confirm(records: readonly PresenceRecord[]): void {
    for (const record of records) {
      const known = this.#records.get(record.uri);
      const same = known?.state === record.state && known.reason === record.reason && known.webexStatus === record.webexStatus;
      if (same) this.#records.set(record.uri, record);
    }
  }

  get records(): readonly PresenceRecord[] {
    return [...this.#records.values()];
  }

  /** The latest first. */
  get changes(): readonly PresenceChange[] {
    return this.#changes;
  }

  get changeCount(): number {
    return this.#counted;
  }

  /** Whether Webex has told of everybody. */
  get complete(): boolean {
    return this.records.every(fromWebex);
  }
}

export function countStates(records: readonly PresenceRecord[]): Map<PresenceState, number> {
  const counts = new Map<PresenceState, number>();
  for (const { state } of records) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function fromWebex({ observedAt, reason }: PresenceRecord): boolean {
  return observedAt !== null && reason !== "disabled" && reason !== "notReady" && reason !== "blocked";
}
