import type { ListedPerson, PersonSnapshot } from "../../src/presence/person.js";

/** Persons as a page of Webex's list tells them, none of them recognizable, and bots behind them. */
export function listed(persons: readonly PersonSnapshot[], bots = 0): readonly ListedPerson[] {
  return [...persons, ...Array.from({ length: bots }, () => null)].map((each) => ({
    fingerprint: Number.NaN,
    read: () => each,
  }));
}
