import type { Disposer } from "../faults/emitter.js";
import type { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import { addressKey, isInvalidUnlessMatched, readingsOf } from "./address.js";
import { OnDemandCounts, type OnDemandBucket } from "./on-demand-counts.js";
import { cancelled } from "./pending-queries.js";
import type { OnDemandCalls, RefreshRequest } from "./polled-roster.js";
import type { Match, Resolver } from "./resolver.js";
import type { FreshnessNeed, PersonStore } from "./store/person-store.js";

/** A request that was sent so shortly before a call, and is in flight, serves the call as well. */
const SIMULTANEOUS_MS = 100;
/** How long a call that does not wait keeps its requests. */
const UNAWAITED_MS = 3_000;

/** A person, or an address that matches nobody. */
interface Target {
  readonly store: PersonStore;
  /** Null for an address. */
  readonly id: string | null;
  /** Null for a person. */
  readonly address: string | null;
  /** The person's slot in the store, as of its present version. */
  slot: number;
}

/** A target that at least one call needs to know of. */
interface Refresh extends Target {
  readonly key: string;
  readonly calls: Set<RefreshCall>;
}

interface RefreshCall {
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
  /** The keys of requests that have been given up for this call. */
  readonly dismissed: Set<string>;
  /** The organizations that had to be asked. */
  readonly asked: Map<PersonStore, OnDemandBucket>;
  /** Those of them in which something has been given up. */
  readonly late: Set<PersonStore>;
  /** Called once, when the call ends. */
  onEnd: (fault?: Fault) => void;
}

/**
 * Queries that need presence fresher than what is known (`maxAgeSeconds`), and the requests that
 * they wait for. What a query needs is computed anew after each response, because a response may
 * show that another person has the address now, or nobody.
 */
export class RefreshQueries {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #onRequested: (store: PersonStore) => void;
  readonly #calls = new Set<RefreshCall>();
  /** By key, in the order of the first call. */
  readonly #refreshes = new Map<string, Refresh>();
  readonly #counts = new WeakMap<PersonStore, OnDemandCounts>();

  /** `onRequested`: the store has a new request, or one that needs a later response. */
  constructor(clock: Clock, resolver: Resolver, onRequested: (store: PersonStore) => void) {
    this.#clock = clock;
    this.#resolver = resolver;
    this.#onRequested = onRequested;
  }

  /**
   * Requests what Webex confirmed longer ago than `maxAgeMs`. Returns a promise that resolves when
   * all of it has been answered or given up, at the latest after `maxWaitMs`, and rejects with
   * `Fault` `cancelled`; or null if there is nothing to wait for.
   */
  ask(
    uris: readonly string[],
    maxAgeMs: number,
    maxWaitMs: number,
    signal: AbortSignal,
  ): Promise<void> | null {
    const call = this.#createCall(uris, maxAgeMs, maxWaitMs);
    // What has come before the call is judged by its age alone.
    const requested = this.#update(call, { ...call.need, sentFrom: Number.POSITIVE_INFINITY });
    if (isDone(call)) return null;
    this.#calls.add(call);
    const ended = call.isAwaited ? this.#whenEnded(call, signal) : this.#keep(call);
    this.#emitRequested(requested);
    return ended;
  }

  /** Call it after each response, and when other organizations may be asked. */
  recheck(): void {
    if (this.#calls.size === 0) return;
    const requested = new Set<PersonStore>();
    for (const call of [...this.#calls]) {
      for (const store of this.#update(call, call.need)) requested.add(store);
      if (isDone(call)) this.#end(call);
    }
    this.#emitRequested(requested);
  }

  /** See `PolledRoster.refreshRequests`. */
  requestsOf(store: PersonStore): readonly RefreshRequest[] {
    const requests: RefreshRequest[] = [];
    for (const refresh of this.#refreshes.values()) {
      if (refresh.store === store) requests.push(toRequest(refresh));
    }
    return requests;
  }

  /** See `PolledRoster.dismissRefreshRequests`. */
  dismiss(store: PersonStore, requests: readonly RefreshRequest[]): void {
    const affected = new Set<RefreshCall>();
    for (const request of requests) {
      const { sentFrom, calledAt, waitsUntil } = request;
      const key = refreshKey({ store, ...request });
      for (const call of this.#refreshes.get(key)?.calls ?? []) {
        // Whoever has joined since may wait longer than the request that is given up.
        const joinedLater = call.calledAt > calledAt || call.need.sentFrom > sentFrom;
        if (joinedLater || call.waitsUntil > waitsUntil) continue;
        call.dismissed.add(key);
        call.late.add(store);
        affected.add(call);
      }
    }
    for (const call of affected) {
      this.#emitRequested(this.#update(call, call.need));
      if (isDone(call)) this.#end(call);
    }
  }

  /** See `PolledRoster.onDemandCalls`. */
  callsOf(store: PersonStore): OnDemandCalls {
    return this.#countsOf(store).report();
  }

  /** Ends all calls; they get what is known. */
  endAll(): void {
    for (const call of [...this.#calls]) this.#end(call);
  }

  #createCall(uris: readonly string[], maxAgeMs: number, maxWaitMs: number): RefreshCall {
    const keys = new Map<string, readonly Refresh[]>();
    for (const uri of uris) {
      const key = addressKey(uri);
      if (key !== null) keys.set(key, []);
    }
    const calledAt = this.#clock.elapsed();
    const now = this.#clock.monotonic();
    return {
      keys,
      indexVersion: "",
      need: {
        calledAt,
        observedFrom: maxAgeMs === 0 ? Number.POSITIVE_INFINITY : calledAt - maxAgeMs,
        sentFrom: now - Math.max(maxAgeMs, SIMULTANEOUS_MS),
      },
      isAwaited: maxWaitMs > 0,
      calledAt: now,
      waitsUntil: now + (maxWaitMs > 0 ? maxWaitMs : UNAWAITED_MS),
      refreshes: new Map(),
      dismissed: new Set(),
      asked: new Map(),
      late: new Set(),
      onEnd: () => undefined,
    };
  }

  #keep(call: RefreshCall): null {
    call.onEnd = this.#scheduleEnd(call);
    return null;
  }

  #scheduleEnd(call: RefreshCall): Disposer {
    const delayMs = Math.ceil(call.waitsUntil - this.#clock.monotonic());
    return this.#clock.schedule(delayMs, () => this.#end(call));
  }

  #whenEnded(call: RefreshCall, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#scheduleEnd(call);
      const onAbort = (): void => this.#end(call, cancelled());
      signal.addEventListener("abort", onAbort, { once: true });
      call.onEnd = (fault) => {
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
        if (fault === undefined) resolve();
        else reject(fault);
      };
    });
  }

  /** Cancelled calls are counted as neither in time nor late. */
  #end(call: RefreshCall, fault?: Fault): void {
    if (!this.#calls.delete(call)) return;
    for (const refresh of call.refreshes.keys()) call.late.add(refresh.store);
    for (const refreshes of call.keys.values()) {
      for (const refresh of refreshes) this.#leave(call, refresh);
    }
    for (const [store, bucket] of fault === undefined ? call.asked : []) {
      if (call.late.has(store)) bucket.late += 1;
      else bucket.answeredInTime += 1;
    }
    call.onEnd(fault);
  }

  /**
   * Computes what the call still needs. Returns the stores that have to be asked for it. Most
   * responses change little of a call for thousands of addresses.
   */
  #update(call: RefreshCall, need: FreshnessNeed): ReadonlySet<PersonStore> {
    const requested = new Set<PersonStore>();
    const now = this.#clock.elapsed();
    const indexVersion = this.#indexVersion;
    const isSameIndex = indexVersion === call.indexVersion;
    call.indexVersion = indexVersion;
    const isOutstanding = (refresh: Refresh): boolean =>
      !isAnswered(refresh, need) && !call.dismissed.has(refresh.key);
    for (const [key, refreshes] of call.keys) {
      if (isSameIndex && refreshes.length > 0 && refreshes.every(isOutstanding)) continue;
      const match = this.#resolver.resolve(key, now);
      const outdated = this.#outdated(key, match, need)
        .filter((target) => !call.dismissed.has(refreshKey(target)))
        .map((target) => this.#refreshFor(target));
      for (const refresh of outdated) if (this.#join(call, refresh)) requested.add(refresh.store);
      for (const refresh of refreshes) this.#leave(call, refresh);
      // Without any answer, one that is on its way is as good.
      const isWaiting = outdated.length > 0 || this.#resolver.isPending(key, match, now);
      if (isWaiting) call.keys.set(key, outdated);
      else call.keys.delete(key);
    }
    for (const store of requested) {
      if (!call.asked.has(store)) call.asked.set(store, this.#countsOf(store).add());
    }
    return requested;
  }

  get #indexVersion(): string {
    const { isPolling, stores } = this.#resolver;
    const versions = stores.map(({ orgId, version, blockedSince }) =>
      [orgId, version, blockedSince === null].join(" "),
    );
    return [isPolling, ...versions].join();
  }

  /** Returns whom to ask for an address key, as far as what is known is not fresh enough. */
  #outdated(key: string, { store, slot }: Match, need: FreshnessNeed): Target[] {
    if (store !== null) {
      if (!this.#canAsk(store) || store.isFresh(slot, need)) return [];
      return [{ store, id: store.idOf(slot), address: null, slot }];
    }
    if (isInvalidUnlessMatched(key)) return [];
    return this.#resolver.stores
      .filter((each) => this.#canAsk(each))
      .flatMap((each) =>
        readingsOf(key)
          .filter((address) => !each.isAnswerFresh(address, need))
          .map((address) => ({ store: each, id: null, address, slot })),
      );
  }

  #refreshFor(target: Target): Refresh {
    const key = refreshKey(target);
    let refresh = this.#refreshes.get(key);
    if (refresh === undefined) {
      refresh = { ...target, key, calls: new Set() };
      this.#refreshes.set(key, refresh);
    }
    refresh.slot = target.slot;
    return refresh;
  }

  #canAsk(store: PersonStore): boolean {
    const { isPolling, stores } = this.#resolver;
    return isPolling && store.blockedSince === null && stores.includes(store);
  }

  /** Returns whether the call did not wait for it before. */
  #join(call: RefreshCall, refresh: Refresh): boolean {
    const keys = call.refreshes.get(refresh) ?? 0;
    call.refreshes.set(refresh, keys + 1);
    refresh.calls.add(call);
    return keys === 0;
  }

  #leave(call: RefreshCall, refresh: Refresh): void {
    const keys = call.refreshes.get(refresh) ?? 0;
    if (keys > 1) {
      call.refreshes.set(refresh, keys - 1);
      return;
    }
    call.refreshes.delete(refresh);
    refresh.calls.delete(call);
    if (refresh.calls.size === 0) this.#refreshes.delete(refresh.key);
    if (!this.#canAsk(refresh.store)) call.late.add(refresh.store);
  }

  #emitRequested(stores: ReadonlySet<PersonStore>): void {
    for (const store of stores) this.#onRequested(store);
  }

  #countsOf(store: PersonStore): OnDemandCounts {
    let counts = this.#counts.get(store);
    if (counts === undefined) {
      counts = new OnDemandCounts(this.#clock);
      this.#counts.set(store, counts);
    }
    return counts;
  }
}

/** A call that does not wait is of no use once it has nothing to ask. */
function isDone({ keys, refreshes, isAwaited }: RefreshCall): boolean {
  return keys.size === 0 || (!isAwaited && refreshes.size === 0);
}

function isAnswered({ store, id, address, slot }: Refresh, need: FreshnessNeed): boolean {
  return id === null ? store.isAnswerFresh(address ?? "", need) : store.isFresh(slot, need);
}

function refreshKey({ store, id, address }: Omit<Target, "slot">): string {
  return `${store.orgId} ${id === null ? "address" : "id"} ${id ?? address ?? ""}`;
}

function toRequest({ store, id, address, calls }: Refresh): RefreshRequest {
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
