import { Emitter } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import { normalizeAddress } from "./address.js";
import type { ListedPerson, PersonSnapshot } from "./person.js";
import type {
  PageResult,
  PolledRoster,
  RefreshDemand,
  RosterEvents,
  WatchedAges,
} from "./polled-roster.js";
import { PresenceList } from "./presence-list.js";
import type {
  ChangeBatch,
  PresenceEvents,
  PresenceListPage,
  PresenceListQuery,
  PresenceService,
  SubscriptionTarget,
} from "./presence-service.js";
import { NOT_READY, type PresenceRecord } from "./record.js";
import { NO_DEMAND, RefreshDemandScanner } from "./refresh-demand.js";
import { Resolver, type Match, type PresenceCondition } from "./resolver.js";
import { StalenessTimer } from "./staleness-timer.js";
import { PersonStore, type PersonStoreListener } from "./store/person-store.js";
import { SubscriptionIndex } from "./subscription-index.js";
import { WatchStatistics } from "./watch-statistics.js";

const DEFAULT_STALE_AFTER_MS = 180_000;
const MAX_LOGGED_ADDRESSES = 10_000;

/**
 * The presence of all organizations: queries, lists, subscriptions, and a roster for each poller.
 */
export class PresenceDirectory implements PresenceService {
  readonly events = new Emitter<PresenceEvents>();
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex<Match>;
  readonly #statistics: WatchStatistics;
  readonly #list: PresenceList;
  readonly #pendingQueries: PendingQueries;
  readonly #stalenessTimer: StalenessTimer;
  readonly #duplicateAddressLog: DuplicateAddressLog;
  readonly #storeListener: PersonStoreListener;
  readonly #organizations = new Map<string, OrganizationRoster>();
  #staleAfterMs = DEFAULT_STALE_AFTER_MS;
  #isAnnounced = false;
  #isStopped = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#resolver = new Resolver(clock);
    this.#subscriptions = new SubscriptionIndex(this.#resolver);
    this.#statistics = new WatchStatistics(this.#resolver, this.#subscriptions);
    this.#list = new PresenceList(this.#resolver);
    this.#pendingQueries = new PendingQueries(clock, this.#resolver);
    this.#stalenessTimer = new StalenessTimer(clock, this.#resolver, this.#subscriptions, () =>
      this.#publishChanges(),
    );
    this.#duplicateAddressLog = new DuplicateAddressLog(logger);
    this.#storeListener = {
      addressChanged: (address) => this.#subscriptions.markChanged(address),
      addressAdded: (store, slot, address) => this.#onAddressAdded(store, slot, address),
      uriListed: (uri) => this.#onUriListed(uri),
    };
  }

  /** Returns the roster of an organization. A new organization is last in the order. */
  addOrganization(orgId: string): PolledRoster {
    const known = this.#organizations.get(orgId);
    if (known !== undefined) return known;
    const store = new PersonStore(orgId, this.#clock, this.#staleAfterMs, this.#storeListener);
    const roster = new OrganizationRoster(this.#clock, store, this.#statistics, (hasNewAnswers) =>
      this.#onRosterUpdated(hasNewAnswers),
    );
    this.#organizations.set(orgId, roster);
    this.#resolver.stores = [...this.#resolver.stores, store];
    this.#invalidateAll();
    return roster;
  }

  /** Removes an organization with its persons. Its roster ignores later results. */
  removeOrganization(orgId: string): void {
    this.#organizations.get(orgId)?.close();
    if (!this.#organizations.delete(orgId)) return;
    this.#resolver.stores = this.#resolver.stores.filter((store) => store.orgId !== orgId);
    this.#invalidateAll();
  }

  /**
   * Sets the order of authorization: if two organizations have an address, the first takes
   * precedence. Organizations that are not in `orgIds` come last.
   */
  setOrder(orgIds: readonly string[]): void {
    const rankOf = ({ orgId }: PersonStore): number =>
      orgIds.includes(orgId) ? orgIds.indexOf(orgId) : orgIds.length;
    const previous = this.#resolver.stores;
    const ordered = [...previous].sort((a, b) => rankOf(a) - rankOf(b));
    if (ordered.every((store, index) => store === previous[index])) return;
    this.#resolver.stores = ordered;
    this.#invalidateAll();
  }

  setCondition(condition: PresenceCondition): void {
    if (this.#resolver.setCondition(condition)) this.#invalidateAll();
  }

  /** Sets whether this organization alone cannot be polled until a person acts. */
  setBlocked(orgId: string, isBlocked: boolean): void {
    const store = this.#organizations.get(orgId)?.store;
    if (store === undefined || (store.blockedSince !== null) === isBlocked) return;
    store.blockedSince = isBlocked ? this.#clock.now() : null;
    this.#invalidateAll();
  }

  setStaleAfter(seconds: number): void {
    if (seconds * 1000 === this.#staleAfterMs) return;
    this.#staleAfterMs = seconds * 1000;
    for (const store of this.#resolver.stores) store.staleAfterMs = this.#staleAfterMs;
    if (!this.#isStopped) this.#stalenessTimer.restart();
    this.#invalidateAll();
  }

  /** Ends notifications and waiting. Queries still return what is known. */
  stop(): void {
    this.#isStopped = true;
    this.#stalenessTimer.stop();
    this.#pendingQueries.settleAll();
  }

  get(
    uris: readonly string[],
    maxWaitMs: number,
    signal: AbortSignal,
  ): PresenceRecord[] | Promise<PresenceRecord[]> {
    if (signal.aborted) throw new Fault("cancelled", "The query was cancelled.");
    const now = this.#clock.elapsed();
    const pending: string[] = [];
    const demanded = new Set<PersonStore>();
    const records = uris.map((uri) => {
      const address = normalizeAddress(uri);
      if (address === null) return this.#resolver.invalidRecord(uri);
      const match = this.#resolver.resolve(address, now);
      const { person } = match;
      if (person !== null) {
        if (person.store.markQueried(person.slot, now)) demanded.add(person.store);
      } else if (
        this.#statistics.queriedUnmatched.add(address, now) &&
        !this.#subscriptions.isSubscribed(address)
      ) {
        this.#addUnanswered(demanded, address, now);
      }
      if (this.#resolver.isPending(address, match, now)) pending.push(address);
      return this.#resolver.toRecord(uri, match);
    });
    this.#emitDemand(demanded);
    if (maxWaitMs <= 0 || pending.length === 0 || this.#isStopped) return records;
    return this.#pendingQueries.wait(pending, maxWaitMs, signal).then(() => this.#recordsOf(uris));
  }

  list(query: PresenceListQuery): PresenceListPage {
    return this.#list.getPage(query, this.#clock.elapsed());
  }

  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] } {
    const now = this.#clock.elapsed();
    const subscription = this.#subscriptions.open("all" in target);
    const uris = new Set("all" in target ? this.#list.uris() : target.uris);
    const demanded = new Set<PersonStore>();
    const records: PresenceRecord[] = [];
    for (const uri of uris) {
      const address = normalizeAddress(uri);
      if (address === null) {
        if (!subscription.isAll) records.push(this.#resolver.invalidRecord(uri));
        continue;
      }
      const match = this.#resolver.resolve(address, now);
      if (match.person === null) this.#addUnanswered(demanded, address, now);
      else demanded.add(match.person.store);
      this.#subscriptions.add(subscription, uri, address, match);
      records.push(this.#resolver.toRecord(uri, match));
    }
    this.#emitDemand(demanded);
    return { subscriptionId: subscription.id, records };
  }

  unsubscribe(subscriptionId: string): void {
    this.#subscriptions.close(subscriptionId);
  }

  drainChanges(max: number): ChangeBatch | null {
    const batch = this.#isStopped ? null : this.#subscriptions.drain(max, this.#clock.elapsed());
    this.#isAnnounced = this.#subscriptions.hasChanges;
    return batch;
  }

  #recordsOf(uris: readonly string[]): PresenceRecord[] {
    const now = this.#clock.elapsed();
    return uris.map((uri) => {
      const address = normalizeAddress(uri);
      return address === null
        ? this.#resolver.invalidRecord(uri)
        : this.#resolver.toRecord(uri, this.#resolver.resolve(address, now));
    });
  }

  /** Adds the stores that have no answer for an address that matches nobody. */
  #addUnanswered(demanded: Set<PersonStore>, address: string, now: number): void {
    for (const store of this.#resolver.stores) {
      if (!store.hasAnswerFor(address, now)) demanded.add(store);
    }
  }

  #emitDemand(demanded: ReadonlySet<PersonStore>): void {
    for (const { orgId } of demanded) this.#organizations.get(orgId)?.events.emit("demandChanged");
  }

  #onAddressAdded(store: PersonStore, slot: number, address: string): void {
    const { queriedUnmatched } = this.#statistics;
    if (!queriedUnmatched.isEmpty) {
      const queriedAt = queriedUnmatched.remove(address, this.#clock.elapsed());
      if (queriedAt !== null) store.markQueried(slot, queriedAt);
    }
    const { stores } = this.#resolver;
    if (stores.length < 2) return;
    const [winner, loser] = stores.filter((candidate) => candidate.findByAddress(address) !== -1);
    if (winner !== undefined && loser !== undefined) {
      this.#duplicateAddressLog.report(address, winner.orgId, loser.orgId);
    }
  }

  #onUriListed(uri: string): void {
    if (!this.#subscriptions.hasAllSubscription) return;
    const address = normalizeAddress(uri);
    if (address !== null) this.#subscriptions.addToAll(uri, address);
  }

  #onRosterUpdated(hasNewAnswers: boolean): void {
    if (hasNewAnswers) this.#subscriptions.markLastNotified(NOT_READY);
    if (!this.#isStopped) this.#stalenessTimer.arm();
    this.#publishChanges();
  }

  #invalidateAll(): void {
    this.#subscriptions.markAllChanged();
    this.#publishChanges();
  }

  #publishChanges(): void {
    if (this.#isStopped) return;
    this.#pendingQueries.recheck();
    if (this.#isAnnounced || !this.#subscriptions.hasChanges) return;
    this.#isAnnounced = true;
    this.events.emit("changesPending");
  }
}

const EMPTY_RESULT: PageResult = {
  persons: 0,
  alreadyOnPage: 0,
  sharesStatus: false,
  seenInSweep: 0,
};

/** Ignores everything once closed: late results of a revoked grant must not bring persons back. */
class OrganizationRoster implements PolledRoster {
  readonly events = new Emitter<RosterEvents>();
  readonly store: PersonStore;
  readonly #clock: Clock;
  readonly #statistics: WatchStatistics;
  readonly #demandScanner: RefreshDemandScanner;
  readonly #onUpdated: (hasNewAnswers: boolean) => void;
  #isClosed = false;

  constructor(
    clock: Clock,
    store: PersonStore,
    statistics: WatchStatistics,
    onUpdated: (hasNewAnswers: boolean) => void,
  ) {
    this.store = store;
    this.#clock = clock;
    this.#statistics = statistics;
    this.#onUpdated = onUpdated;
    this.#demandScanner = new RefreshDemandScanner(clock, store, (visit) =>
      statistics.forEachWatched(store, clock.elapsed(), visit),
    );
  }

  get personCount(): number {
    return this.#isClosed ? 0 : this.store.personCount;
  }

  get watchedCount(): number {
    return this.#isClosed ? 0 : this.#statistics.countWatched(this.store, this.#clock.elapsed());
  }

  watchedAges(): WatchedAges {
    if (this.#isClosed) return { watchedP50: null, watchedP95: null };
    return this.#statistics.computeAges(this.store, this.#clock.elapsed());
  }

  beginSweep(): number {
    return this.store.beginSweep();
  }

  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageResult {
    return this.#apply(() => this.store.applyPage(sweep, items, page));
  }

  applyRefetchedPage(page: number, items: readonly ListedPerson[]): PageResult {
    return this.#apply(() => this.store.applyRefetchedPage(page, items));
  }

  completeSweep(sweep: number): void {
    if (!this.#isClosed) this.#onUpdated(this.store.completeSweep(sweep));
  }

  applyLookup(address: string, persons: readonly PersonSnapshot[]): void {
    if (this.#isClosed) return;
    this.store.applyLookup(address, persons);
    this.#onUpdated(false);
  }

  unansweredAddresses(max: number): readonly string[] {
    if (this.#isClosed) return [];
    return this.#statistics.findUnanswered(this.store, this.#clock.elapsed(), max);
  }

  refreshDemand(pages: number, freshMs: number): RefreshDemand {
    return this.#isClosed ? NO_DEMAND : this.#demandScanner.currentDemand(pages, freshMs);
  }

  close(): void {
    this.#isClosed = true;
  }

  #apply(applyPage: () => PageResult): PageResult {
    if (this.#isClosed) return EMPTY_RESULT;
    try {
      return applyPage();
    } finally {
      this.#onUpdated(false);
    }
  }
}

interface PendingQuery {
  readonly addresses: readonly string[];
  /** The addresses before this index are ready. */
  nextIndex: number;
  readonly settle: (fault: Fault | null) => void;
}

/** Queries that wait for an answer from Webex. */
class PendingQueries {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #queries = new Set<PendingQuery>();

  constructor(clock: Clock, resolver: Resolver) {
    this.#clock = clock;
    this.#resolver = resolver;
  }

  /**
   * Resolves when all addresses are ready, or after `maxWaitMs`. Rejects with `Fault` `cancelled`.
   */
  wait(addresses: readonly string[], maxWaitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        query.settle(new Fault("cancelled", "The query was cancelled."));
      };
      const query: PendingQuery = {
        addresses,
        nextIndex: 0,
        settle: (fault) => {
          if (!this.#queries.delete(query)) return;
          cancelTimer();
          signal.removeEventListener("abort", onAbort);
          if (fault === null) resolve();
          else reject(fault);
        },
      };
      const cancelTimer = this.#clock.schedule(maxWaitMs, () => query.settle(null));
      this.#queries.add(query);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Cheap: it stops at the first address of each query that is not ready. */
  recheck(): void {
    if (this.#queries.size === 0) return;
    const now = this.#clock.elapsed();
    const isReady = (address: string): boolean =>
      !this.#resolver.isPending(address, this.#resolver.resolve(address, now), now);
    for (const query of [...this.#queries]) {
      let next = query.addresses[query.nextIndex];
      while (next !== undefined && isReady(next)) {
        query.nextIndex += 1;
        next = query.addresses[query.nextIndex];
      }
      if (next === undefined) query.settle(null);
    }
  }

  /** Settles all queries with what is known. */
  settleAll(): void {
    for (const query of [...this.#queries]) query.settle(null);
  }
}

/**
 * Logs that two organizations have the same address: a warning for each pair of organizations, and
 * the address itself only at `debug`.
 */
class DuplicateAddressLog {
  readonly #logger: Logger;
  readonly #addresses = new Set<string>();
  readonly #pairs = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  report(address: string, winner: string, loser: string): void {
    const fields = { orgId: winner, otherOrgId: loser };
    const pair = `${winner} ${loser}`;
    if (!this.#pairs.has(pair)) {
      this.#pairs.add(pair);
      this.#logger.warn(
        "Two Webex organizations have persons with the same address. For such addresses, the organization authorized first takes precedence. If that is not intended, remove the address in one of them; the debug log lists the addresses.",
        fields,
      );
    }
    if (this.#addresses.has(address) || this.#addresses.size >= MAX_LOGGED_ADDRESSES) return;
    this.#addresses.add(address);
    this.#logger.debug(
      "Two Webex organizations have this address. The organization authorized first takes precedence.",
      { address, ...fields },
    );
  }
}
