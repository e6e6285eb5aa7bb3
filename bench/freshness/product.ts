import { Fault } from "../../src/faults/fault.js";
import { Emitter } from "../../src/faults/emitter.js";
import type { Chance } from "../../src/ports/clock.js";
import type { Logger } from "../../src/ports/logger.js";
import { OrganizationPoller } from "../../src/polling/organization-poller.js";
import { RequestBudget } from "../../src/polling/request-budget.js";
import { changeRateAfter, FIRST_CHANGE_RATE } from "../../src/presence/change-rate.js";
import { DemandScan } from "../../src/presence/demand-scan.js";
import type { ListedPerson, PersonSnapshot } from "../../src/presence/person.js";
import type { PageTold, PolledRoster, RosterEvents, WatchedAges, WatchedDemand } from "../../src/presence/polled-roster.js";
import type { Me, PageReference, PeopleApi, PeoplePage } from "../../src/webex/people-api.js";
import { seededRandom } from "../../simulator/random.js";
import { INTERVAL_MS, LATENCY_MS, type Scene } from "./point.js";
import { Service, type Outcome } from "./service.js";
import { SimulatedClock } from "./simulated-clock.js";

const SILENT: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };

export interface ProductOptions {
  /** `WebexPresence.RequestsPerMinute` */
  readonly requestsPerMinute: number;
  /** Whether Webex answers an old link with the page that it led to, or not at all. */
  readonly oldLinksHonoured: boolean;
}

/** The worker's own poller, planner and budget against the service, with a roster that keeps the watched persons alone. */
export async function product(scene: Scene, { requestsPerMinute, oldLinksHonoured }: ProductOptions): Promise<Outcome> {
  const clock = new SimulatedClock(scene.epoch);
  const service = new Service(scene);
  const random = seededRandom(7);
  const chance: Chance = { random, token: () => "", uuid: () => "", sha256: () => "" };
  const budget = new RequestBudget(clock, chance, requestsPerMinute);
  const people = new ModelPeople(clock, service, budget, oldLinksHonoured);
  const roster = new WatchedRoster(clock, service, people);
  const poller = new OrganizationPoller({
    orgId: "organization",
    people,
    roster,
    budget,
    clock,
    chance,
    logger: SILENT,
    grantedScopes: () => [],
  });
  poller.apply({ pollIntervalSeconds: INTERVAL_MS / 1_000, requestsPerMinute, staleAfterSeconds: 180 });
  poller.start();
  await clock.runUntil(scene.endMs);
  void poller.stop();
  return service.outcome();
}

const NOBODY_IN_PARTICULAR: ListedPerson = { fingerprint: Number.NaN, read: () => null };

/** Pages of persons of whom nothing but their number matters; the service keeps what is known of the watched. */
class ModelPeople implements PeopleApi {
  readonly #clock: SimulatedClock;
  readonly #service: Service;
  readonly #budget: RequestBudget;
  readonly #oldLinksHonoured: boolean;
  readonly #pages = new Map<number, PeoplePage>();
  readonly #pageOf = new Map<readonly ListedPerson[], number>();
  #newest = "";
  #links = 0;

  constructor(clock: SimulatedClock, service: Service, budget: RequestBudget, oldLinksHonoured: boolean) {
    this.#clock = clock;
    this.#service = service;
    this.#budget = budget;
    this.#oldLinksHonoured = oldLinksHonoured;
  }

  pageOf(items: readonly ListedPerson[]): number {
    return this.#pageOf.get(items) ?? -1;
  }

  listPage(reference: PageReference, signal: AbortSignal): Promise<PeoplePage> {
    return this.#ask(signal, (now) => {
      const page = reference.kind === "first" ? 0 : Number(reference.url.split("=")[1]);
      if (reference.kind === "next" && !this.#oldLinksHonoured && reference.url !== this.#newest) {
        throw new Fault("refused", "The cursor is not valid any more.", { status: 400 });
      }
      this.#service.tellPage(page, now);
      const known = this.#page(page);
      if (known.next === null) return known;
      this.#links += 1;
      this.#newest = `${this.#links}page=${page + 1}`;
      return { ...known, next: this.#newest };
    });
  }

  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]> {
    return this.#ask(signal, (now) => {
      const index = Number(email.split("@")[0]);
      this.#service.tellPerson(index, now);
      return [snapshot(index)];
    });
  }

  me(): Promise<Me> {
    throw new Error("Somebody shares their status, so nobody asks about the administrator.");
  }

  #page(page: number): PeoplePage {
    const known = this.#pages.get(page);
    if (known !== undefined) return known;
    const { persons: total, pageSize } = this.#service.scene.point;
    const first = page * pageSize;
    const items = Array.from({ length: Math.min(pageSize, total - first) }, () => NOBODY_IN_PARTICULAR);
    const made = { items, next: first + items.length < total ? "next" : null };
    this.#pages.set(page, made);
    this.#pageOf.set(items, page);
    return made;
  }

  async #ask<T>(signal: AbortSignal, answer: (now: number) => T): Promise<T> {
    await this.#budget.admit(signal);
    await this.#travel();
    const now = this.#clock.monotonic();
    const retryAfterMs = this.#service.arrive(now);
    try {
      if (retryAfterMs > 0) throw new Fault("rateLimited", "Too many requests.", { status: 429, retryAfterMs });
      return answer(now);
    } finally {
      await this.#travel();
      this.#budget.ended(retryAfterMs > 0 ? "rateLimited" : "answered");
    }
  }

  #travel(): Promise<void> {
    return new Promise((resolve) => void this.#clock.timer(LATENCY_MS / 2, resolve));
  }
}

class WatchedRoster implements PolledRoster {
  readonly personCount: number;
  readonly watchedCount: number;
  readonly persons;
  readonly #clock: SimulatedClock;
  readonly #service: Service;
  readonly #people: ModelPeople;
  readonly #scan: DemandScan;
  readonly #changesTold: Uint32Array;
  readonly events = new Emitter<RosterEvents>();
  #sweeps = 0;
  #seenInSweep = 0;

  constructor(clock: SimulatedClock, service: Service, people: ModelPeople) {
    this.#clock = clock;
    this.#service = service;
    this.#people = people;
    const { places, point } = service.scene;
    this.personCount = point.persons;
    this.watchedCount = places.length;
    const extent = places.length;
    this.persons = {
      observedMono: new Float64Array(extent).fill(Number.NaN),
      changeRate: new Uint16Array(extent).fill(FIRST_CHANGE_RATE),
      page: new Uint16Array(extent),
      extent,
    };
    this.#changesTold = new Uint32Array(extent);
    const known = (visit: (slot: number) => void): void => {
      this.persons.observedMono.forEach((at, slot) => {
        if (!Number.isNaN(at)) visit(slot);
      });
    };
    this.#scan = new DemandScan(this, known);
  }

  addressesOf(slot: number): readonly string[] {
    return [`${slot}@example.com`];
  }

  watchedAges(): WatchedAges {
    return { watchedP50: null, watchedP95: null };
  }

  beginSweep(): number {
    this.#seenInSweep = 0;
    return (this.#sweeps += 1);
  }

  applyPage(_sweep: number, items: readonly ListedPerson[], page: number): PageTold {
    this.#seenInSweep += items.length;
    return this.applyPageAgain(page, items);
  }

  applyPageAgain(page: number, items: readonly ListedPerson[]): PageTold {
    const real = this.#people.pageOf(items);
    for (const slot of this.#service.scene.onPage[real] ?? []) {
      this.#observe(slot);
      this.persons.page[slot] = page + 1;
    }
    const there = real === page ? items.length : 0;
    return { persons: items.length, there, sharesStatus: true, seenInSweep: this.#seenInSweep };
  }

  completeSweep(): void {
    // Nobody ever leaves.
  }

  unansweredAddresses(max: number): readonly string[] {
    const addresses: string[] = [];
    for (let slot = 0; slot < this.persons.extent && addresses.length < max; slot += 1) {
      if (Number.isNaN(this.persons.observedMono[slot])) addresses.push(`${slot}@example.com`);
    }
    return addresses;
  }

  applyLookup(address: string): void {
    this.#observe(Number(address.split("@")[0]));
  }

  watchedDemand(pages: number, freshMs: number): WatchedDemand {
    return this.#scan.take(this.#clock.monotonic(), pages, freshMs);
  }

  #observe(slot: number): void {
    const { observedMono, changeRate } = this.persons;
    const now = this.#clock.monotonic();
    const before = observedMono[slot] ?? Number.NaN;
    const changes = this.#service.changesBy(slot);
    if (!Number.isNaN(before)) {
      changeRate[slot] = changeRateAfter(changeRate[slot] ?? 0, now - before, changes !== this.#changesTold[slot]);
    }
    this.#changesTold[slot] = changes;
    observedMono[slot] = now;
  }
}

function snapshot(number: number): PersonSnapshot {
  return {
    id: String(number),
    displayName: null,
    userName: null,
    emails: [],
    sipAddresses: [],
    status: "active",
    lastActivity: null,
  };
}
