import { Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import { addressKey } from "./address.js";
import { OrganizationRoster, unmatchedAddressesOf, WatchIndex } from "./organization-roster.js";
import { PeopleIndex } from "./people-index.js";
import { cancelled, PendingQueries } from "./pending-queries.js";
import type { PolledRoster } from "./polled-roster.js";
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
import { RefreshQueries } from "./refresh-queries.js";
import { Resolver, type PresenceCondition } from "./resolver.js";
import { StalenessTimer } from "./staleness-timer.js";
import type { PersonStore, PersonStoreListener } from "./store/person-store.js";
import { SubscriptionIndex } from "./subscription-index.js";
import { SuspensionClock } from "./suspension-clock.js";

/** Applies only until the first settings are read (`setStaleAfter`). */
const DEFAULT_STALE_AFTER_MS = 180_000;
/** Presence from before a suspension of more poll intervals is stale until Webex confirms it. */
const MAX_SUSPENDED_INTERVALS = 2;
const MAX_LOGGED_ADDRESSES = 10_000;

/**
 * The presence of all organizations: queries, lists, subscriptions, and a roster for each poller.
 */
export class PresenceDirectory implements PresenceService {
  readonly events = new Emitter<PresenceEvents>();
  readonly #clock: SuspensionClock;
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex;
  readonly #watches: WatchIndex;
  readonly #list: PresenceList;
  readonly #pendingQueries: PendingQueries;
  readonly #refreshQueries: RefreshQueries;
  readonly #stalenessTimer: StalenessTimer;
  readonly #logDuplicate: DuplicateAddressLog;
  readonly #storeListener: PersonStoreListener;
  readonly #organizations = new Map<string, OrganizationRoster>();
  #staleAfterMs = DEFAULT_STALE_AFTER_MS;
  /** Of organizations that were removed. */
  #pastStatusChanges = 0;
  #peopleVersion = 0;
  #isAnnounced = false;
  #isStopped = false;

  constructor(systemClock: Clock, logger: Logger) {
    const clock = new SuspensionClock(systemClock, (now) => this.#onResumed(now));
    this.#clock = clock;
    this.#resolver = new Resolver(clock);
    this.#subscriptions = new SubscriptionIndex(this.#resolver);
    this.#watches = new WatchIndex(this.#resolver, this.#subscriptions);
    this.#list = new PresenceList(this.#resolver);
    this.#pendingQueries = new PendingQueries(clock, this.#resolver);
    this.#refreshQueries = new RefreshQueries(clock, this.#resolver, ({ orgId }) =>
      this.#organizations.get(orgId)?.events.emit("refreshRequested"),
    );
    this.#stalenessTimer = new StalenessTimer(clock, this.#resolver, this.#subscriptions, () =>
      this.#publishChanges(),
    );
    this.#logDuplicate = createDuplicateAddressLog(logger);
    this.#storeListener = {
      addressChanged: (address) => this.#subscriptions.markChanged(address),
      addressAdded: (store, slot, address) => this.#onAddressAdded(store, slot, address),
      uriListed: (uri) => this.#onUriListed(uri),
      updated: (hasNewAnswers) => this.#onRosterUpdated(hasNewAnswers),
    };
  }

  /** Rises when Webex has reported something, or when records may read differently. */
  get peopleVersion(): number {
    return this.#peopleVersion;
  }

  get personCount(): number {
    return this.#resolver.stores.reduce((sum, { personCount }) => sum + personCount, 0);
  }

  /** How often Webex has reported another status of somebody known, of all organizations so far. */
  get statusChanges(): number {
    const { stores } = this.#resolver;
    return stores.reduce((sum, store) => sum + store.statusChanges, this.#pastStatusChanges);
  }

  /** Returns an index of everyone known, for a page that shows people. */
  createPeopleIndex(): PeopleIndex {
    return new PeopleIndex(this.#resolver, this.#clock, () => this.#peopleVersion);
  }

  /** Returns the roster of an organization. A new organization is last in the order. */
  addOrganization(orgId: string): PolledRoster {
    const known = this.#organizations.get(orgId);
    if (known !== undefined) return known;
    const roster = new OrganizationRoster(
      orgId,
      this.#clock,
      this.#staleAfterMs,
      this.#storeListener,
      this.#watches,
      this.#refreshQueries,
    );
    this.#organizations.set(orgId, roster);
    this.#resolver.stores = [...this.#resolver.stores, roster];
    this.#invalidateAll();
    return roster;
  }

  /** Removes an organization with its persons. Its roster ignores later results. */
  removeOrganization(orgId: string): void {
    const roster = this.#organizations.get(orgId);
    roster?.close();
    if (!this.#organizations.delete(orgId)) return;
    this.#pastStatusChanges += roster?.statusChanges ?? 0;
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
    const roster = this.#organizations.get(orgId);
    if (roster === undefined || (roster.blockedSince !== null) === isBlocked) return;
    roster.blockedSince = isBlocked ? this.#clock.now() : null;
    this.#invalidateAll();
  }

  setStaleAfter(seconds: number): void {
    if (seconds * 1000 === this.#staleAfterMs) return;
    this.#staleAfterMs = seconds * 1000;
    for (const store of this.#resolver.stores) store.staleAfterMs = this.#staleAfterMs;
    if (!this.#isStopped) this.#stalenessTimer.restart();
    this.#invalidateAll();
  }

  setPollInterval(seconds: number): void {
    this.#clock.setLimit(seconds * 1000 * MAX_SUSPENDED_INTERVALS);
  }

  /** Ends notifications and waiting. Queries still return what is known. */
  stop(): void {
    this.#isStopped = true;
    this.#stalenessTimer.stop();
    this.#pendingQueries.settleAll();
    this.#refreshQueries.endAll();
  }

  get(
    uris: readonly string[],
    maxWaitMs: number,
    signal: AbortSignal,
    maxAgeSeconds?: number,
  ): PresenceRecord[] | Promise<PresenceRecord[]> {
    if (signal.aborted) throw cancelled();
    const now = this.#clock.elapsed();
    const pending: string[] = [];
    const demanded = new Set<PersonStore>();
    const records = uris.map((uri) => {
      const key = addressKey(uri);
      if (key === null) return this.#resolver.invalidRecord(uri);
      const match = this.#resolver.resolve(key, now);
      const { store, slot } = match;
      if (store !== null) {
        if (store.markQueried(slot, now)) demanded.add(store);
      } else if (this.#watchUnmatched(key, now) && !this.#subscriptions.isSubscribed(key)) {
        this.#addUnanswered(demanded, key, now);
      }
      if (this.#resolver.isPending(key, match, now)) pending.push(key);
      return this.#resolver.toRecord(uri, match);
    });
    this.#emitDemand(demanded);
    if (this.#isStopped) return records;
    let answered: Promise<void> | null = null;
    if (maxAgeSeconds !== undefined) {
      answered = this.#refreshQueries.ask(uris, maxAgeSeconds * 1_000, maxWaitMs, signal);
    } else if (maxWaitMs > 0 && pending.length > 0) {
      answered = this.#pendingQueries.wait(pending, maxWaitMs, signal);
    }
    return answered === null ? records : answered.then(() => this.get(uris, 0, signal));
  }

  list(query: PresenceListQuery): PresenceListPage {
    return this.#list.getPage(query, this.#clock.elapsed());
  }

  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] } {
    const now = this.#clock.elapsed();
    const subscription = this.#subscriptions.open("all" in target, now);
    const uris = new Set("all" in target ? this.#list.uris() : target.uris);
    const demanded = new Set<PersonStore>();
    const records: PresenceRecord[] = [];
    for (const uri of uris) {
      const key = addressKey(uri);
      if (key === null) {
        if (!subscription.isAll) records.push(this.#resolver.invalidRecord(uri));
        continue;
      }
      const match = this.#resolver.resolve(key, now);
      if (match.store === null) this.#addUnanswered(demanded, key, now);
      else demanded.add(match.store);
      this.#subscriptions.add(subscription, uri, key, match);
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

  /** Watches the addresses of a queried key that matches nobody. Returns whether one is new. */
  #watchUnmatched(key: string, now: number): boolean {
    let isNew = false;
    for (const address of unmatchedAddressesOf(key)) {
      if (this.#watches.queriedUnmatched.add(address, now)) isNew = true;
    }
    return isNew;
  }

  /** Adds the stores that have no answer for a key that matches nobody. */
  #addUnanswered(demanded: Set<PersonStore>, key: string, now: number): void {
    if (unmatchedAddressesOf(key).length === 0) return;
    for (const store of this.#resolver.stores) {
      if (!store.hasAnswerFor(key, now)) demanded.add(store);
    }
  }

  #emitDemand(demanded: ReadonlySet<PersonStore>): void {
    for (const { orgId } of demanded) this.#organizations.get(orgId)?.events.emit("demandChanged");
  }

  #onAddressAdded(store: PersonStore, slot: number, address: string): void {
    const queriedAt = this.#watches.queriedUnmatched.remove(address);
    if (queriedAt !== undefined) store.markQueried(slot, queriedAt);
    const { stores } = this.#resolver;
    if (stores.length < 2) return;
    const [winner, loser] = stores.filter((candidate) => candidate.findByAddress(address) !== -1);
    if (winner !== undefined && loser !== undefined) {
      this.#logDuplicate(address, winner.orgId, loser.orgId);
    }
  }

  #onUriListed(uri: string): void {
    if (!this.#subscriptions.hasAllSubscription) return;
    const key = addressKey(uri);
    if (key !== null) this.#subscriptions.addToAll(uri, key);
  }

  #onRosterUpdated(hasNewAnswers: boolean): void {
    if (hasNewAnswers) this.#subscriptions.markLastNotified(NOT_READY);
    if (!this.#isStopped) this.#stalenessTimer.arm();
    this.#publishChanges();
  }

  #onResumed(now: number): void {
    for (const store of this.#resolver.stores) store.expireAll(now);
    // Whatever is just reading the time goes on with what it has begun.
    this.#clock.endOfTurn(() => this.#invalidateAll());
  }

  #invalidateAll(): void {
    this.#subscriptions.markAllChanged();
    this.#publishChanges();
  }

  #publishChanges(): void {
    this.#peopleVersion += 1;
    if (this.#isStopped) return;
    this.#pendingQueries.recheck();
    this.#refreshQueries.recheck();
    if (this.#isAnnounced || !this.#subscriptions.hasChanges) return;
    this.#isAnnounced = true;
    this.events.emit("changesPending");
  }
}

type DuplicateAddressLog = (address: string, winner: string, loser: string) => void;

/**
 * Logs that two organizations have the same address: a warning for each pair of organizations, and
 * the address itself only at `debug`.
 */
function createDuplicateAddressLog(logger: Logger): DuplicateAddressLog {
  const addresses = new Set<string>();
  const pairs = new Set<string>();
  return (address, winner, loser) => {
    const fields = { orgId: winner, otherOrgId: loser };
    const pair = `${winner} ${loser}`;
    if (!pairs.has(pair)) {
      pairs.add(pair);
      logger.warn(
        "Two Webex organizations have persons with the same address. For such addresses, the organization authorized first takes precedence. If that is not intended, remove the address in one of them; the debug log lists the addresses.",
        fields,
      );
    }
    if (addresses.has(address) || addresses.size >= MAX_LOGGED_ADDRESSES) return;
    addresses.add(address);
    logger.debug(
      "Two Webex organizations have this address. The organization authorized first takes precedence.",
      { address, ...fields },
    );
  };
}
