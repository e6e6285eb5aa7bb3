import { expect } from "chai";

import type {
  ListedPerson,
  PersonSnapshot,
  PolledRoster,
} from "../../src/presence/polled-roster.js";
import { PresenceDirectory } from "../../src/presence/presence-directory.js";
import type { PresenceRecord } from "../../src/presence/record.js";
import { FakeClock } from "./clock-fake.js";
import { RecordingLogger } from "./logger-fake.js";

/** Persons as decoded from a page of Webex's list, without fingerprints, followed by bots. */
export function listedPersons(
  persons: readonly PersonSnapshot[],
  bots = 0,
): readonly ListedPerson[] {
  return [...persons, ...Array.from({ length: bots }, () => null)].map((person) => ({
    fingerprint: Number.NaN,
    read: () => person,
  }));
}

export const NEVER_ABORTED = new AbortController().signal;

export function personId(number: number): string {
  const uuid = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  return btoa(`ciscospark://us/PEOPLE/${uuid}`).replaceAll("=", "");
}

const numbers = new Map<string, number>();

export function person(
  name: string,
  status: string | null = "active",
  more: Partial<PersonSnapshot> = {},
): PersonSnapshot {
  if (!numbers.has(name)) numbers.set(name, 1_000_000 + numbers.size);
  return {
    id: personId(numbers.get(name)!),
    displayName: name,
    userName: `${name}@example.com`,
    emails: [`${name}@example.com`],
    sipAddresses: [],
    status,
    lastActivity: "2025-12-31T23:00:00.000Z",
    ...more,
  };
}

export function sweep(
  roster: PolledRoster,
  ...pages: readonly (readonly PersonSnapshot[])[]
): void {
  const number = roster.beginSweep();
  for (const page of pages) roster.applyPage(number, listedPersons(page), 0);
  roster.completeSweep(number);
}

/** A directory in the condition `polling`, with one organization. */
export class PresenceFixture {
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();
  readonly directory = new PresenceDirectory(this.clock, this.logger);
  readonly roster: PolledRoster;

  constructor() {
    this.directory.setCondition("polling");
    this.roster = this.directory.addOrganization("org-1");
  }

  get(uri: string): PresenceRecord {
    return this.getMany([uri])[0]!;
  }

  getMany(uris: readonly string[]): PresenceRecord[] {
    const records = this.directory.get(uris, 0, NEVER_ABORTED);
    expect(records).to.be.an("array");
    return records as PresenceRecord[];
  }

  /** Returns `state/reason` of an address. */
  stateOf(uri: string): string {
    const { state, reason } = this.get(uri);
    return `${state}/${reason ?? "-"}`;
  }

  /** Returns all pending changes, in order. */
  drainAll(max = 500): { ids: readonly string[]; record: PresenceRecord }[] {
    const drained: { ids: readonly string[]; record: PresenceRecord }[] = [];
    for (
      let batch = this.directory.drainChanges(max);
      batch !== null;
      batch = this.directory.drainChanges(max)
    ) {
      expect(batch.changes.length).to.be.within(1, max);
      for (const record of batch.changes) drained.push({ ids: batch.subscriptionIds, record });
    }
    return drained;
  }

  /** Returns `uri state/reason` of all pending changes. */
  drainChanges(): string[] {
    return this.drainAll().map(
      ({ record }) => `${record.uri} ${record.state}/${record.reason ?? "-"}`,
    );
  }
}
