import type { Clock } from "../ports/clock.js";
import { isInvalidUnlessMatched, readingsOf } from "./address.js";
import {
  BLOCKED,
  DISABLED,
  formatIsoTime,
  INVALID_URI,
  mapWebexStatus,
  NOT_FOUND,
  NOT_READY,
  STALE,
  type PresenceRecord,
  type PresenceValue,
} from "./record.js";
import type { PersonStore } from "./store/person-store.js";

/**
 * Whether there can be presence at all: `notReady` until the settings have been read, `disabled`
 * and `blocked` in the worker's phases of these names, `polling` if an organization is or will be
 * polled.
 */
export type PresenceCondition = "notReady" | "disabled" | "blocked" | "polling";

const VALUE_BY_CONDITION = {
  notReady: NOT_READY,
  disabled: DISABLED,
  blocked: BLOCKED,
  polling: null,
} as const;

/** The presence of an address at one moment, and the person who has it. */
export interface Match {
  readonly value: PresenceValue;
  readonly webexStatus: string | null;
  /** Null if nobody has the address. */
  readonly store: PersonStore | null;
  /** The person's slot in `store`. */
  readonly slot: number;
}

/**
 * Resolves address keys (`addressKey`) to presence; reasons take precedence as docs/protocol.md
 * says. `now` is `Clock.elapsed()`; callers read it once for many addresses.
 */
export class Resolver {
  /** In order of authorization: if two have an address, the first takes precedence. */
  stores: readonly PersonStore[] = [];
  readonly #clock: Clock;
  #condition: PresenceCondition = "notReady";
  #conditionSince: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#conditionSince = clock.now();
  }

  get isPolling(): boolean {
    return this.#condition === "polling";
  }

  /** Returns whether the condition has changed. */
  setCondition(condition: PresenceCondition): boolean {
    if (condition === this.#condition) return false;
    this.#condition = condition;
    this.#conditionSince = this.#clock.now();
    return true;
  }

  resolve(key: string, now: number): Match {
    for (const address of readingsOf(key)) {
      for (const store of this.stores) {
        const slot = store.findByAddress(address);
        if (slot === -1) continue;
        const moved = this.#findMoved(store, slot, address);
        return moved === null
          ? this.matchOf(store, slot, now)
          : this.matchOf(moved.store, moved.slot, now);
      }
    }
    return this.resolveUnmatched(key, now);
  }

  /**
   * Returns the later observation of the same person by another organization: the person has moved
   * there. Null if there is none; another person with the address does not count.
   */
  #findMoved(
    store: PersonStore,
    slot: number,
    address: string,
  ): { readonly store: PersonStore; readonly slot: number } | null {
    if (this.stores.length < 2) return null;
    let latest = store.observedElapsedOf(slot);
    let moved = null as { readonly store: PersonStore; readonly slot: number } | null;
    for (const other of this.stores) {
      const found = other === store ? -1 : other.findByAddress(address);
      if (found === -1 || other.idOf(found) !== store.idOf(slot)) continue;
      if (other.observedElapsedOf(found) <= latest) continue;
      latest = other.observedElapsedOf(found);
      moved = { store: other, slot: found };
    }
    return moved;
  }

  /** Resolves the key as one whose addresses nobody has. */
  resolveUnmatched(key: string, now: number): Match {
    return { value: this.#valueOfUnmatched(key, now), webexStatus: null, store: null, slot: -1 };
  }

  /** Returns whether lists name a person by this URI; `match` is that of its key. */
  isListUri(uri: string, key: string, match: Match): boolean {
    if (match.store?.uriOf(match.slot) === uri) return true;
    const addresses = readingsOf(key);
    return this.stores.some((store) => addresses.some((address) => store.isListUri(uri, address)));
  }

  /** Returns whether the key has no answer yet, and an organization may still give one. */
  isPending(key: string, { value }: Match, now: number): boolean {
    if (value !== NOT_READY) return false;
    if (this.#condition !== "polling" || this.stores.length === 0) return true;
    return this.stores.some(
      (store) => store.blockedSince === null && !store.hasAnswerFor(key, now),
    );
  }

  matchOf(store: PersonStore, slot: number, now: number): Match {
    const value = this.presenceOf(store, slot, now);
    return { value, webexStatus: store.statusOf(slot), store, slot };
  }

  presenceOf(store: PersonStore, slot: number, now: number): PresenceValue {
    const value = VALUE_BY_CONDITION[this.#condition];
    if (value !== null) return value;
    if (store.blockedSince !== null) return BLOCKED;
    if (store.isStale(slot, now)) return STALE;
    return mapWebexStatus(store.statusOf(slot));
  }

  /** When the presence of a person began, in wall-clock milliseconds. */
  presenceSinceOf(store: PersonStore, slot: number, now: number): number {
    return this.#sinceOf(this.matchOf(store, slot, now)) ?? 0;
  }

  toRecord(uri: string, match: Match): PresenceRecord {
    const { value, store, slot } = match;
    const since = this.#sinceOf(match);
    return {
      uri,
      state: value.state,
      basic: value.basic,
      activities: value.activities,
      reason: value.reason,
      webexStatus: match.webexStatus,
      displayName: store?.nameOf(slot) ?? null,
      personId: store?.idOf(slot) ?? null,
      orgId: store?.orgId ?? null,
      lastActivity: store?.lastActivityOf(slot) ?? null,
      since: since === null ? null : formatIsoTime(since),
      observedAt: store === null ? null : formatIsoTime(store.observedWallOf(slot)),
    };
  }

  invalidRecord(uri: string): PresenceRecord {
    return this.toRecord(uri, { value: INVALID_URI, webexStatus: null, store: null, slot: -1 });
  }

  #valueOfUnmatched(key: string, now: number): PresenceValue {
    if (isInvalidUnlessMatched(key)) return INVALID_URI;
    const isAnswered =
      this.stores.length > 0 && this.stores.every((store) => store.hasAnswerFor(key, now));
    return VALUE_BY_CONDITION[this.#condition] ?? (isAnswered ? NOT_FOUND : NOT_READY);
  }

  /** Wall-clock milliseconds, or null: when an address began to match nobody is not recorded. */
  #sinceOf({ value, store, slot }: Match): number | null {
    if (value === INVALID_URI) return null;
    if (this.#condition !== "polling") return this.#conditionSince;
    if (store === null) return null;
    if (value === BLOCKED) return store.blockedSince;
    if (value === STALE) return store.staleSinceOf(slot);
    return store.sinceOf(slot);
  }
}
