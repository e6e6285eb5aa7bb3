import type { Disposer } from "../faults/emitter.js";
import type { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import { addressKey, isInvalidUnlessMatched, readingsOf } from "./address.js";
import { OnDemandCounts } from "./on-demand-counts.js";
import { cancelled } from "./pending-queries.js";
import type { OnDemandCalls, RefreshRequest } from "./polled-roster.js";
import {
  isAnswered,
  isDone,
  looksConfirmed,
  type Refresh,
  type RefreshCall,
  refreshKey,
  type Target,
  toRequest,
} from "./refresh-call.js";
import type { Match, Resolver } from "./resolver.js";
import type { FreshnessNeed, PersonStore } from "./store/person-store.js";

/** A request that was sent so shortly before a call, and is in flight, serves the call as well. */
const SIMULTANEOUS_MS = 100;
/** How long a call that does not wait keeps its requests. */
const UNAWAITED_MS = 3_000;
/**
 * How many addresses all calls together may wait for. Each costs memory, and time after each
 * response, and there are far fewer requests for them: what exceeds this could only come in time by
 * chance.
 */
const MAX_WAITING_ADDRESSES = 20_000;
/** A part of that is kept for calls of up to so many addresses: those of an operator. */
const RESERVED_ADDRESSES = 2_000;
const MAX_SMALL_CALL = 100;

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
  /** What they are for each store, until that may have changed. */
  readonly #requests = new Map<PersonStore, readonly RefreshRequest[]>();
  /** Of all calls. */
  #waitingAddresses = 0;
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
   * `Fault` `cancelled`; or null if there is nothing to wait for, or if too many addresses are
   * waited for already.
   */
  ask(
    uris: readonly string[],
    maxAgeMs: number,
    maxWaitMs: number,
    signal: AbortSignal,
  ): Promise<void> | null {
    const needOfCall = this.#needOf(maxAgeMs);
    // What has come before the call is judged by its age alone.
    const later = Number.POSITIVE_INFINITY;
    const need = { ...needOfCall, sentFrom: later, sweptFrom: later };
    if (!this.#canWait(uris.length)) {
      this.#countRefused(uris, need);
      return null;
    }
    const call = this.#createCall(uris, needOfCall, maxWaitMs);
    const requested = this.#update(call, need);
    if (isDone(call)) return null;
    this.#calls.add(call);
    this.#waitingAddresses += call.keys.size;
    const ended = call.isAwaited ? this.#whenEnded(call, signal) : this.#keep(call);
    this.#emitRequested(requested);
    return ended;
  }

  /** Call it after each response, and when other organizations may be asked. */
  recheck(): void {
    if (this.#calls.size === 0) return;
    // Somebody may be on another page, or have another address.
    this.#requests.clear();
    const requested = new Set<PersonStore>();
    for (const call of [...this.#calls]) {
      for (const store of this.#update(call, call.need)) requested.add(store);
      this.#endIfDone(call);
    }
    this.#emitRequested(requested);
  }

  /** See `PolledRoster.refreshRequests`. */
  requestsOf(store: PersonStore): readonly RefreshRequest[] {
    let requests = this.#requests.get(store);
    if (requests === undefined) {
      const refreshes = [...this.#refreshes.values()].filter((refresh) => refresh.store === store);
      requests = refreshes.map(toRequest);
      this.#requests.set(store, requests);
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
        call.dismissed.set(key, { store, id: request.id, address: request.address });
        call.late.add(store);
        affected.add(call);
      }
    }
    for (const call of affected) {
      this.#emitRequested(this.#update(call, call.need));
      this.#endIfDone(call);
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

  #canWait(addresses: number): boolean {
    const reserved = addresses > MAX_SMALL_CALL ? RESERVED_ADDRESSES : 0;
    return this.#waitingAddresses + addresses <= MAX_WAITING_ADDRESSES - reserved;
  }

  /** Counts a call that gets what is known as late, if any of that is not fresh enough. */
  #countRefused(uris: readonly string[], need: FreshnessNeed): void {
    const now = this.#clock.elapsed();
    for (const uri of uris) {
      const key = addressKey(uri);
      if (key === null) continue;
      const outdated = this.#outdated(key, this.#resolver.resolve(key, now), need);
      for (const store of new Set(outdated.map((target) => target.store))) {
        this.#countsOf(store).add().late += 1;
      }
      if (outdated.length > 0) return;
    }
  }

  #needOf(maxAgeMs: number): FreshnessNeed {
    const calledAt = this.#clock.elapsed();
    const sentBeforeMs = Math.max(maxAgeMs, SIMULTANEOUS_MS);
    return {
      calledAt,
      observedFrom: maxAgeMs === 0 ? Number.POSITIVE_INFINITY : calledAt - maxAgeMs,
      sentFrom: this.#clock.monotonic() - sentBeforeMs,
      sweptFrom: calledAt - sentBeforeMs,
    };
  }

  #createCall(uris: readonly string[], need: FreshnessNeed, maxWaitMs: number): RefreshCall {
    const keys = new Map<string, readonly Refresh[]>();
    for (const uri of uris) {
      const key = addressKey(uri);
      if (key !== null) keys.set(key, []);
    }
    const now = this.#clock.monotonic();
    return {
      keys,
      indexVersion: "",
      need,
      isAwaited: maxWaitMs > 0,
      calledAt: now,
      waitsUntil: now + (maxWaitMs > 0 ? maxWaitMs : UNAWAITED_MS),
      refreshes: new Map(),
      dismissed: new Map(),
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

  #endIfDone(call: RefreshCall): void {
    if (isDone(call) && !(call.isAwaited && looksConfirmed(call))) this.#end(call);
  }

  /** Cancelled calls are counted as neither in time nor late. */
  #end(call: RefreshCall, fault?: Fault): void {
    if (!this.#calls.delete(call)) return;
    this.#waitingAddresses -= call.keys.size;
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
    const addressesBefore = call.keys.size;
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
    if (this.#calls.has(call)) this.#waitingAddresses -= addressesBefore - call.keys.size;
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
    if (keys > 0) return false;
    refresh.calls.add(call);
    this.#requests.delete(refresh.store);
    return true;
  }

  #leave(call: RefreshCall, refresh: Refresh): void {
    const keys = call.refreshes.get(refresh) ?? 0;
    if (keys > 1) {
      call.refreshes.set(refresh, keys - 1);
      return;
    }
    call.refreshes.delete(refresh);
    refresh.calls.delete(call);
    this.#requests.delete(refresh.store);
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
