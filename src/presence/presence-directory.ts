import { Fault } from "../faults/fault.js";
import { Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import { normalizeAddress } from "./address.js";
import { DuplicateAddressLog } from "./claim-log.js";
import { OrganizationRoster, type RosterUpdate } from "./organization-roster.js";
import type { PolledRoster } from "./polled-roster.js";
import { PresenceList } from "./presence-list.js";
import type {
  ChangeBatch,
  PresenceListPage,
  PresenceListQuery,
  PresenceEvents,
  PresenceService,
  SubscriptionTarget,
} from "./presence-service.js";
import { RecentAddresses } from "./recent-addresses.js";
import type { PresenceRecord } from "./record.js";
import { Resolver, type PresenceCondition, type Match } from "./resolver.js";
import { PersonStore, NOT_FOUND_TTL_MS, type PersonStoreListener } from "./store/person-store.js";
import { NOT_READY } from "./state-table.js";
import { StalenessTimer } from "./staleness-timer.js";
import { PendingQueries } from "./waiting-room.js";
import { WatchStatistics } from "./watch-statistics.js";
import { SubscriptionIndex } from "./subscription-index.js";

const DEFAULT_STALE_AFTER_MS = 180_000;

/** All organizations' persons, what the worker is able to say of them, and who is told. */
export class PresenceDirectory implements PresenceService {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex<Match>;
  readonly #statistics: WatchStatistics;
  readonly #list: PresenceList;
  readonly #pendingQueries: PendingQueries;
  readonly #stalenessTimer: StalenessTimer;
  readonly #duplicateAddressLog: DuplicateAddressLog;
  readonly events = new Emitter<PresenceEvents>();
  readonly #organizations = new Map<string, OrganizationRoster>();
  readonly #storeListener: PersonStoreListener;
  #staleAfterMs = DEFAULT_STALE_AFTER_MS;
  #isAnnounced = false;
  #isStopped = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#resolver = new Resolver(clock);
    this.#subscriptions = new SubscriptionIndex(this.#resolver);
    this.#statistics = new WatchStatistics(
      clock,
      this.#resolver,
      this.#subscriptions,
      new RecentAddresses(NOT_FOUND_TTL_MS),
    );
    this.#list = new PresenceList(this.#resolver);
    this.#pendingQueries = new PendingQueries(
      clock,
      (address) => !this.#isPending(address, this.#resolver.resolve(address)),
    );
    this.#stalenessTimer = new StalenessTimer(clock, this.#resolver, this.#subscriptions, () =>
      this.#notifyChanges(),
    );
    this.#duplicateAddressLog = new DuplicateAddressLog(logger);
    this.#storeListener = {
      addressChanged: (address) => this.#subscriptions.markChanged(address),
      addressAdded: (roster, slot, address) => this.#onAddressAdded(roster, slot, address),
      uriListed: (uri) => this.#onUriListed(uri),
    };
  }

  /** The roster of an organization; a new one comes after those that are there. */
  addOrganization(orgId: string): PolledRoster {
    const known = this.#organizations.get(orgId);
    if (known !== undefined) return known;
    const roster = new PersonStore(orgId, this.#clock, this.#staleAfterMs, this.#storeListener);
    const organization = new OrganizationRoster(roster, this.#statistics, (update) =>
      this.#onUpdate(update),
    );
    this.#organizations.set(orgId, organization);
    this.#resolver.stores = [...this.#resolver.stores, roster];
    this.#invalidateAll();
    return organization;
  }

  /** Its persons go with it, and what still comes for its roster is ignored. */
  removeOrganization(orgId: string): void {
    this.#organizations.get(orgId)?.close();
    if (!this.#organizations.delete(orgId)) return;
    this.#resolver.stores = this.#resolver.stores.filter((roster) => roster.orgId !== orgId);
    this.#invalidateAll();
  }

  /** The order of authorization: where two organizations have an address, the first wins. Those not named come last. */
  setOrder(orgIds: readonly string[]): void {
    const rankOf = (roster: PersonStore): number =>
      orgIds.includes(roster.orgId) ? orgIds.indexOf(roster.orgId) : orgIds.length;
    const previous = this.#resolver.stores;
    const ordered = [...previous].sort((a, b) => rankOf(a) - rankOf(b));
    if (ordered.every((roster, place) => roster === previous[place])) return;
    this.#resolver.stores = ordered;
    this.#invalidateAll();
  }

  setCondition(condition: PresenceCondition): void {
    if (this.#resolver.setCondition(condition)) this.#invalidateAll();
  }

  /** That organization alone cannot be asked, and somebody has to act: its persons are `blocked` too. */
  setBlocked(orgId: string, blocked: boolean): void {
    const roster = this.#organizations.get(orgId)?.store;
    if (roster === undefined || (roster.blockedSince !== null) === blocked) return;
    roster.blockedSince = blocked ? this.#clock.now() : null;
    this.#invalidateAll();
  }

  setStaleAfter(seconds: number): void {
    if (seconds * 1000 === this.#staleAfterMs) return;
    this.#staleAfterMs = seconds * 1000;
    for (const roster of this.#resolver.stores) roster.staleAfterMs = this.#staleAfterMs;
    if (!this.#isStopped) this.#stalenessTimer.restart();
    this.#invalidateAll();
  }

  /** Nobody is told of anything after this, and nobody waits; queries are answered with what is known. */
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
    const now = this.#clock.monotonic();
    const pending: string[] = [];
    const demandedStores = new Set<PersonStore>();
    const records = uris.map((uri) => {
      const address = normalizeAddress(uri);
      if (address === null) return this.#resolver.invalidRecord(uri);
      const match = this.#resolver.resolve(address);
      if (match.person !== null) {
        if (this.#statistics.markQueried(match.person.store, match.person.slot, now))
          demandedStores.add(match.person.store);
      } else if (
        this.#statistics.queriedUnmatched.add(address, now) &&
        !this.#subscriptions.isSubscribed(address)
      ) {
        this.#collectDemand(address, demandedStores);
      }
      if (this.#isPending(address, match)) pending.push(address);
      return this.#resolver.toRecord(uri, match);
    });
    this.#emitDemand(demandedStores);
    if (maxWaitMs <= 0 || pending.length === 0 || this.#isStopped) return records;
    return this.#pendingQueries
      .wait(pending, maxWaitMs, signal)
      .then(() => uris.map((uri) => this.#recordOf(uri)));
  }

  list(query: PresenceListQuery): PresenceListPage {
    return this.#list.getPage(query);
  }

  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] } {
    const subscription = this.#subscriptions.open("all" in target);
    const uris = new Set("all" in target ? this.#list.uris() : target.uris);
    const demandedStores = new Set<PersonStore>();
    const records: PresenceRecord[] = [];
    for (const uri of uris) {
      const address = normalizeAddress(uri);
      if (address === null) {
        if (!subscription.all) records.push(this.#resolver.invalidRecord(uri));
        continue;
      }
      const match = this.#resolver.resolve(address);
      if (match.person === null) this.#collectDemand(address, demandedStores);
      else demandedStores.add(match.person.store);
      this.#subscriptions.add(subscription, uri, address, match);
      records.push(this.#resolver.toRecord(uri, match));
    }
    this.#emitDemand(demandedStores);
    return { subscriptionId: subscription.id, records };
  }

  unsubscribe(subscriptionId: string): void {
    this.#subscriptions.close(subscriptionId);
  }

  drainChanges(max: number): ChangeBatch | null {
    const batch = this.#isStopped ? null : this.#subscriptions.drain(max);
    this.#isAnnounced = this.#subscriptions.hasChanges;
    return batch;
  }

  #isPending(address: string, { value: outlook }: Match): boolean {
    return outlook === NOT_READY && this.#resolver.isAnswerExpected(address);
  }

  #recordOf(uri: string): PresenceRecord {
    const address = normalizeAddress(uri);
    return address === null
      ? this.#resolver.invalidRecord(uri)
      : this.#resolver.toRecord(uri, this.#resolver.resolve(address));
  }

  #collectDemand(address: string, demandedStores: Set<PersonStore>): void {
    const now = this.#clock.monotonic();
    for (const roster of this.#resolver.stores)
      if (!roster.hasAnswerFor(address, now)) demandedStores.add(roster);
  }

  #emitDemand(demandedStores: ReadonlySet<PersonStore>): void {
    for (const { orgId } of demandedStores)
      this.#organizations.get(orgId)?.events.emit("demandChanged");
  }

  #onAddressAdded(roster: PersonStore, slot: number, address: string): void {
    const queriedAt = this.#statistics.queriedUnmatched.remove(address, this.#clock.monotonic());
    if (queriedAt !== null) this.#statistics.markQueried(roster, slot, queriedAt);
    const { stores: rosters } = this.#resolver;
    if (rosters.length < 2) return;
    const [winner, loser] = rosters.filter((candidate) => candidate.findByAddress(address) !== -1);
    if (winner !== undefined && loser !== undefined)
      this.#duplicateAddressLog.report(address, winner.orgId, loser.orgId);
  }

  #onUriListed(uri: string): void {
    if (!this.#subscriptions.hasAllSubscription) return;
    const address = normalizeAddress(uri);
    if (address !== null) this.#subscriptions.addToAll(uri, address);
  }

  #onUpdate(update: RosterUpdate): void {
    if (update === "answered") this.#subscriptions.markLastNotified(NOT_READY);
    if (!this.#isStopped) this.#stalenessTimer.arm();
    this.#notifyChanges();
  }

  #invalidateAll(): void {
    this.#subscriptions.markAllChanged();
    this.#notifyChanges();
  }

  #notifyChanges(): void {
    if (this.#isStopped) return;
    this.#pendingQueries.recheck();
    if (this.#isAnnounced || !this.#subscriptions.hasChanges) return;
    this.#isAnnounced = true;
    this.events.emit("changesPending");
  }
}
