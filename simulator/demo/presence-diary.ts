import type { PresenceChange, PresenceTableModel } from "../../src/cli/terminal/presence-table.js";

export type PresenceRecord = PresenceTableModel["records"][number];
type PresenceState = PresenceRecord["state"];

const MAX_CHANGES = 50;

/** What the host was told of the people it subscribed to: the latest record of each, and what changed. */
export class PresenceHistory {
  readonly #records = new Map<string, PresenceRecord>();
  #changes: readonly PresenceChange[] = [];
  #changeCount = 0;

  /** Takes the answer to a subscription. */
  add(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#records.set(record.uri, record);
  }

  /** Takes a `presence/changed`. Returns the changes worth telling: those from one state that Webex told to another. */
  applyChanges(records: readonly PresenceRecord[], at: number): PresenceChange[] {
    const reported: PresenceChange[] = [];
    for (const to of records) {
      const from = this.#records.get(to.uri);
      this.#records.set(to.uri, to);
      if (from && isFromWebex(from) && isFromWebex(to)) reported.push({ at, from, to });
    }
    this.#changeCount += reported.length;
    this.#changes = [...reported.toReversed(), ...this.#changes].slice(0, MAX_CHANGES);
    return reported;
  }

  /** Takes what the worker says when asked again: newer ages. A change that is on its way as a notification is left to that. */
  refresh(records: readonly PresenceRecord[]): void {
    for (const record of records) {
      const existing = this.#records.get(record.uri);
      const isUnchanged =
        existing?.state === record.state &&
        existing.reason === record.reason &&
        existing.webexStatus === record.webexStatus;
      if (isUnchanged) this.#records.set(record.uri, record);
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
    return this.#changeCount;
  }

  /** Whether Webex has told of everybody. */
  get isComplete(): boolean {
    return this.records.every(isFromWebex);
  }
}

export function countStates(records: readonly PresenceRecord[]): Map<PresenceState, number> {
  const counts = new Map<PresenceState, number>();
  for (const { state } of records) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function isFromWebex({ observedAt, reason }: PresenceRecord): boolean {
  return (
    observedAt !== null && reason !== "disabled" && reason !== "notReady" && reason !== "blocked"
  );
}
