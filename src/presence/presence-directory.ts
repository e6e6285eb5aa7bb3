import { Fault } from "../faults/fault.js";
import { Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import { normalizeAddress } from "./address.js";
import { ClaimLog } from "./claim-log.js";
import { OrganizationRoster, type RosterNews } from "./organization-roster.js";
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
import { Resolver, type PresenceCondition, type Sight } from "./resolver.js";
import { Roster, TEN_MINUTES_MS, type RosterListener } from "./roster.js";
import { NOT_READY } from "./state-table.js";
import { Upkeep } from "./upkeep.js";
import { WaitingRoom } from "./waiting-room.js";
import { WatchedCensus } from "./watched-census.js";
import { WatchList } from "./watch-list.js";

const DEFAULT_STALE_AFTER_MS = 180_000;

/** All organizations' persons, what the worker is able to say of them, and who is told. */
export class PresenceDirectory implements PresenceService {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #watchList: WatchList<Sight>;
  readonly #census: WatchedCensus;
  readonly #list: PresenceList;
  readonly #waiting: WaitingRoom;
  readonly #upkeep: Upkeep;
  readonly #claimLog: ClaimLog;
  readonly events = new Emitter<PresenceEvents>();
  readonly #organizations = new Map<string, OrganizationRoster>();
  readonly #listener: RosterListener;
  #staleAfterMs = DEFAULT_STALE_AFTER_MS;
  #announced = false;
  #stopped = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#resolver = new Resolver(clock);
    this.#watchList = new WatchList(this.#resolver);
    this.#census = new WatchedCensus(clock, this.#resolver, this.#watchList, new RecentAddresses(TEN_MINUTES_MS));
    this.#list = new PresenceList(this.#resolver);
    this.#waiting = new WaitingRoom(clock, (address) => !this.#isOnItsWay(address, this.#resolver.find(address)));
    this.#upkeep = new Upkeep(clock, this.#resolver, this.#watchList, () => this.#afterChange());
    this.#claimLog = new ClaimLog(logger);
    this.#listener = {
      touched: (address) => this.#watchList.touch(address),
      claimed: (roster, slot, address) => this.#claimed(roster, slot, address),
      arrived: (uri) => this.#arrived(uri),
    };
  }

  /** The roster of an organization; a new one comes after those that are there. */
  addOrganization(orgId: string): PolledRoster {
    const known = this.#organizations.get(orgId);
    if (known !== undefined) return known;
    const roster = new Roster(orgId, this.#clock, this.#staleAfterMs, this.#listener);
    const organization = new OrganizationRoster(roster, this.#census, (news) => this.#onNews(news));
    this.#organizations.set(orgId, organization);
    this.#resolver.rosters = [...this.#resolver.rosters, roster];
    this.#everythingChanged();
    return organization;
  }

  /** Its persons go with it, and what still comes for its roster is ignored. */
  removeOrganization(orgId: string): void {
    this.#organizations.get(orgId)?.close();
    if (!this.#organizations.delete(orgId)) return;
    this.#resolver.rosters = this.#resolver.rosters.filter((roster) => roster.orgId !== orgId);
    this.#everythingChanged();
  }

  /** The order of authorization: where two organizations have an address, the first wins. Those not named come last. */
  setOrder(orgIds: readonly string[]): void {
    const rank = (roster: Roster): number => (orgIds.includes(roster.orgId) ? orgIds.indexOf(roster.orgId) : orgIds.length);
    const before = this.#resolver.rosters;
    const ordered = [...before].sort((a, b) => rank(a) - rank(b));
    if (ordered.every((roster, place) => roster === before[place])) return;
    this.#resolver.rosters = ordered;
    this.#everythingChanged();
  }

  setCondition(condition: PresenceCondition): void {
    if (this.#resolver.setCondition(condition)) this.#everythingChanged();
  }

  /** That organization alone cannot be asked, and somebody has to act: its persons are `blocked` too. */
  setBlocked(orgId: string, blocked: boolean): void {
    const roster = this.#organizations.get(orgId)?.roster;
    if (roster === undefined || (roster.blockedSince !== null) === blocked) return;
    roster.blockedSince = blocked ? this.#clock.now() : null;
    this.#everythingChanged();
  }

  setStaleAfter(seconds: number): void {
    if (seconds * 1000 === this.#staleAfterMs) return;
    this.#staleAfterMs = seconds * 1000;
    for (const roster of this.#resolver.rosters) roster.staleAfterMs = this.#staleAfterMs;
    if (!this.#stopped) this.#upkeep.restart();
    this.#everythingChanged();
  }

  /** Nobody is told of anything after this, and nobody waits; queries are answered with what is known. */
  stop(): void {
    this.#stopped = true;
    this.#upkeep.stop();
    this.#waiting.close();
  }

  get(uris: readonly string[], maxWaitMs: number, signal: AbortSignal): PresenceRecord[] | Promise<PresenceRecord[]> {
    if (signal.aborted) throw new Fault("cancelled", "The query was cancelled.");
    const now = this.#clock.monotonic();
    const unready: string[] = [];
    const demanded = new Set<Roster>();
    const records = uris.map((uri) => {
      const address = normalizeAddress(uri);
      if (address === null) return this.#resolver.invalid(uri);
      const sight = this.#resolver.find(address);
      if (sight.person !== null) {
        if (this.#census.markQueried(sight.person.roster, sight.person.slot, now)) demanded.add(sight.person.roster);
      } else if (this.#census.unmatched.add(address, now) && !this.#watchList.isNamed(address)) {
        this.#demand(address, demanded);
      }
      if (this.#isOnItsWay(address, sight)) unready.push(address);
      return this.#resolver.toRecord(uri, sight);
    });
    this.#tellDemand(demanded);
    if (maxWaitMs <= 0 || unready.length === 0 || this.#stopped) return records;
    return this.#waiting.wait(unready, maxWaitMs, signal).then(() => uris.map((uri) => this.#recordOf(uri)));
  }

  list(query: PresenceListQuery): PresenceListPage {
    return this.#list.page(query);
  }

  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] } {
    const subscription = this.#watchList.open("all" in target);
    const uris = new Set("all" in target ? this.#list.uris() : target.uris);
    const demanded = new Set<Roster>();
    const records: PresenceRecord[] = [];
    for (const uri of uris) {
      const address = normalizeAddress(uri);
      if (address === null) {
        if (!subscription.all) records.push(this.#resolver.invalid(uri));
        continue;
      }
      const sight = this.#resolver.find(address);
      if (sight.person === null) this.#demand(address, demanded);
      else demanded.add(sight.person.roster);
      this.#watchList.add(subscription, uri, address, sight);
      records.push(this.#resolver.toRecord(uri, sight));
    }
    this.#tellDemand(demanded);
    return { subscriptionId: subscription.id, records };
  }

  unsubscribe(subscriptionId: string): void {
    this.#watchList.close(subscriptionId);
  }

  takeChanges(max: number): ChangeBatch | null {
    const batch = this.#stopped ? null : this.#watchList.take(max);
    this.#announced = this.#watchList.anyMarked;
    return batch;
  }

  #isOnItsWay(address: string, { outlook }: Sight): boolean {
    return outlook === NOT_READY && this.#resolver.isAwaited(address);
  }

  #recordOf(uri: string): PresenceRecord {
    const address = normalizeAddress(uri);
    return address === null ? this.#resolver.invalid(uri) : this.#resolver.toRecord(uri, this.#resolver.find(address));
  }

  #demand(address: string, demanded: Set<Roster>): void {
    const now = this.#clock.monotonic();
    for (const roster of this.#resolver.rosters) if (!roster.hasAnswered(address, now)) demanded.add(roster);
  }

  #tellDemand(demanded: ReadonlySet<Roster>): void {
    for (const { orgId } of demanded) this.#organizations.get(orgId)?.events.emit("demandChanged");
  }

  #claimed(roster: Roster, slot: number, address: string): void {
    const queriedAt = this.#census.unmatched.take(address, this.#clock.monotonic());
    if (queriedAt !== null) this.#census.markQueried(roster, slot, queriedAt);
    const { rosters } = this.#resolver;
    if (rosters.length < 2) return;
    const [winner, loser] = rosters.filter((candidate) => candidate.byAddress(address) !== -1);
    if (winner !== undefined && loser !== undefined) this.#claimLog.contested(address, winner.orgId, loser.orgId);
  }

  #arrived(uri: string): void {
    if (!this.#watchList.watchesAll) return;
    const address = normalizeAddress(uri);
    if (address !== null) this.#watchList.addToAll(uri, address);
  }

  #onNews(news: RosterNews): void {
    if (news === "answered") this.#watchList.touchTold(NOT_READY);
    if (!this.#stopped) this.#upkeep.arm();
    this.#afterChange();
  }

  #everythingChanged(): void {
    this.#watchList.touchAll();
    this.#afterChange();
  }

  #afterChange(): void {
    if (this.#stopped) return;
    this.#waiting.recheck();
    if (this.#announced || !this.#watchList.anyMarked) return;
    this.#announced = true;
    this.events.emit("changesPending");
  }
}
