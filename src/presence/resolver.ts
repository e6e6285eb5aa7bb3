import type { Clock } from "../ports/clock.js";
import { formatIsoTime } from "./iso-time.js";
import type { PresenceRecord } from "./record.js";
import type { PersonStore } from "./store/person-store.js";
import {
  BLOCKED,
  DISABLED,
  INVALID_URI,
  NOT_FOUND,
  NOT_READY,
  mapWebexStatus,
  STALE,
  type PresenceValue,
} from "./state-table.js";
import type { Resolution, PresenceSource } from "./subscription-index.js";

/**
 * What the worker is able to say at all: `notReady` until the settings are read, `disabled` and `blocked` as its phase of that
 * name, `polling` while at least one organization is asked or about to be.
 */
export type PresenceCondition = "notReady" | "disabled" | "blocked" | "polling";

const VALUE_BY_CONDITION = {
  notReady: NOT_READY,
  disabled: DISABLED,
  blocked: BLOCKED,
  polling: null,
} as const;

export interface Match extends Resolution {
  readonly person: { readonly store: PersonStore; readonly slot: number } | null;
}

/** From an address to what may be said of it now, reasons in the order of the protocol. */
export class Resolver implements PresenceSource<Match> {
  /** In order of authorization: where two have an address, the first wins. */
  stores: readonly PersonStore[] = [];
  readonly #clock: Clock;
  #condition: PresenceCondition = "notReady";
  #conditionSince: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#conditionSince = clock.now();
  }

  get condition(): PresenceCondition {
    return this.#condition;
  }

  /** Returns whether it is another one. */
  setCondition(condition: PresenceCondition): boolean {
    if (condition === this.#condition) return false;
    this.#condition = condition;
    this.#conditionSince = this.#clock.now();
    return true;
  }

  resolve(address: string): Match {
    for (const store of this.stores) {
      const slot = store.findByAddress(address);
      if (slot !== -1) return this.matchOf(store, slot);
    }
    return this.resolveUnmatched(address);
  }

  resolveUnmatched(address: string): Match {
    const value =
      VALUE_BY_CONDITION[this.#condition] ?? (this.hasAnswer(address) ? NOT_FOUND : NOT_READY);
    return { value, webexStatus: null, isMatched: false, person: null };
  }

  /** Of an address that matches nobody: whether each organization said so, and not too long ago. */
  hasAnswer(address: string): boolean {
    const now = this.#clock.monotonic();
    return this.stores.length > 0 && this.stores.every((store) => store.hasAnswerFor(address, now));
  }

  isListUri(uri: string, address: string, { person }: Match): boolean {
    if (person === null) return false;
    if (person.store.uriOf(person.slot) === uri) return true;
    return this.stores.some((store) => store.isListUri(uri, address));
  }

  /** Of an address that is not ready: whether an answer may come by itself. An organization that cannot be asked gives none. */
  isAnswerExpected(address: string): boolean {
    if (this.#condition !== "polling" || this.stores.length === 0) return true;
    const now = this.#clock.monotonic();
    return this.stores.some(
      (store) => store.blockedSince === null && !store.hasAnswerFor(address, now),
    );
  }

  matchOf(store: PersonStore, slot: number): Match {
    const webexStatus = store.persons.status[slot] ?? null;
    return {
      value: this.presenceOf(store, slot),
      webexStatus,
      isMatched: true,
      person: { store, slot },
    };
  }

  presenceOf(store: PersonStore, slot: number): PresenceValue {
    const conditionValue = VALUE_BY_CONDITION[this.#condition];
    if (conditionValue !== null) return conditionValue;
    if (store.blockedSince !== null) return BLOCKED;
    if (store.isStale(slot, this.#clock.monotonic())) return STALE;
    return mapWebexStatus(store.persons.status[slot] ?? null);
  }

  toRecord(uri: string, match: Match): PresenceRecord {
    const { value, person } = match;
    const since = this.#sinceOf(match);
    const persons = person?.store.persons;
    const slot = person?.slot ?? 0;
    return {
      uri,
      state: value.state,
      basic: value.basic,
      activities: value.activities,
      reason: value.reason,
      webexStatus: match.webexStatus,
      displayName: persons?.nameOf(slot) ?? null,
      personId: person?.store.idOf(slot) ?? null,
      orgId: person?.store.orgId ?? null,
      lastActivity: persons?.lastActivityOf(slot) ?? null,
      since: since === null ? null : formatIsoTime(since),
      observedAt: persons === undefined ? null : formatIsoTime(persons.observedWall[slot] ?? 0),
    };
  }

  invalidRecord(uri: string): PresenceRecord {
    return this.toRecord(uri, {
      value: INVALID_URI,
      webexStatus: null,
      isMatched: false,
      person: null,
    });
  }

  /** Wall-clock milliseconds. Nobody keeps when an address began to match nobody, so there it is null. */
  #sinceOf({ value, person }: Match): number | null {
    if (value === INVALID_URI) return null;
    if (this.#condition !== "polling") return this.#conditionSince;
    if (person === null) return null;
    const { store, slot } = person;
    if (value === BLOCKED) return store.blockedSince;
    if (value === STALE) return (store.persons.observedWall[slot] ?? 0) + store.staleAfterMs;
    return store.persons.since[slot] ?? null;
  }
}
