import type { Fault } from "../faults/fault.js";
import type { OnDemandBucket } from "./on-demand-counts.js";
import type { RefreshRequest } from "./polled-roster.js";
import type { FreshnessNeed, PersonStore } from "./store/person-store.js";

/** A person, or an address that matches nobody. */
export interface Target {
  readonly store: PersonStore;
  /** Null for an address. */
  readonly id: string | null;
  /** Null for a person. */
  readonly address: string | null;
  /** The person's slot in the store, as of its present version. */
  slot: number;
}

/** A target that at least one call needs to know of. */
export interface Refresh extends Target {
  readonly key: string;
  readonly calls: Set<RefreshCall>;
}

/** A query that waits for responses. */
export interface RefreshCall {
  /** The address keys that are not answered yet, and what each waits for. */
  readonly keys: Map<string, readonly Refresh[]>;
  /** Who could be found by an address when the call was last updated. */
  indexVersion: string;
  readonly need: FreshnessNeed;
  readonly isAwaited: boolean;
  /** Monotonic milliseconds; `need` has the elapsed ones. */
  readonly calledAt: number;
  /** Monotonic milliseconds. */
  readonly waitsUntil: number;
  /** What its address keys wait for, and how many of them for each. */
  readonly refreshes: Map<Refresh, number>;
  /** What has been given up for this call, by key. */
  readonly dismissed: Map<string, Omit<Target, "slot">>;
  /** The organizations that had to be asked. */
  readonly asked: Map<PersonStore, OnDemandBucket>;
  /** Those of them in which something has been given up. */
  readonly late: Set<PersonStore>;
  /** Called once, when the call ends. */
  onEnd: (fault?: Fault) => void;
}

/** A call that does not wait is of no use once it has nothing to ask. */
export function isDone({ keys, refreshes, isAwaited }: RefreshCall): boolean {
  return keys.size === 0 || (!isAwaited && refreshes.size === 0);
}

/**
 * Returns whether something that was given up looks as if it had been confirmed for the call: the
 * response to an earlier request came during it. Callers tell that from a confirmation only if the
 * call lasts as long as it may.
 */
export function looksConfirmed({ dismissed, need }: RefreshCall): boolean {
  return [...dismissed.values()].some(({ store, id }) => {
    const slot = id === null ? -1 : store.findById(id);
    if (slot === -1 || store.observedElapsedOf(slot) < need.calledAt) return false;
    return !store.isFresh(slot, need);
  });
}

/** Returns whether what is known of the target is fresh enough. */
export function isAnswered({ store, id, address, slot }: Refresh, need: FreshnessNeed): boolean {
  return id === null ? store.isAnswerFresh(address ?? "", need) : store.isFresh(slot, need);
}

/** Returns what identifies a target among those of all organizations. */
export function refreshKey({ store, id, address }: Omit<Target, "slot">): string {
  return `${store.orgId} ${id === null ? "address" : "id"} ${id ?? address ?? ""}`;
}

/** Returns what polling is told: what the most demanding of its calls needs. */
export function toRequest({ store, id, address, calls }: Refresh): RefreshRequest {
  let sentFrom = Number.NEGATIVE_INFINITY;
  let calledAt = Number.NEGATIVE_INFINITY;
  let waitsUntil = Number.NEGATIVE_INFINITY;
  let outstanding = Number.POSITIVE_INFINITY;
  for (const call of calls) {
    sentFrom = Math.max(sentFrom, call.need.sentFrom);
    calledAt = Math.max(calledAt, call.calledAt);
    waitsUntil = Math.max(waitsUntil, call.waitsUntil);
    outstanding = Math.min(outstanding, call.refreshes.size);
  }
  const needs = { sentFrom, calledAt, waitsUntil, outstanding };
  if (id === null) return { id, address, page: null, ...needs };
  const slot = store.findById(id);
  const page = store.isMissing(slot) ? 0 : store.pageOf(slot);
  return {
    id,
    address: store.addressesOf(slot)[0] ?? null,
    page: page === 0 ? null : page - 1,
    ...needs,
  };
}
