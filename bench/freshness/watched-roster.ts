import { Emitter } from "../../src/faults/emitter.js";
import type {
  ListedPerson,
  OnDemandCalls,
  PageResult,
  PolledRoster,
  RefreshDemand,
  RefreshRequest,
  RosterEvents,
  WatchedAges,
} from "../../src/presence/polled-roster.js";
import {
  INITIAL_CHANGE_RATE,
  RefreshDemandScanner,
  updateChangeRate,
} from "../../src/presence/refresh-demand.js";
import { seededRandom } from "../../simulator/random.js";
import type { ServiceModel } from "./service-model.js";
import type { SimulatedClock } from "./simulated-clock.js";
import type { SimulatedPeopleApi } from "./simulated-people-api.js";

export class WatchedRoster implements PolledRoster {
  readonly personCount: number;
  readonly watchedCount: number;
  readonly slotLimit: number;
  readonly #observedAt: Float64Array;
  readonly #changeRate: Uint16Array;
  readonly #page: Uint16Array;
  readonly #clock: SimulatedClock;
  readonly #service: ServiceModel;
  readonly #people: SimulatedPeopleApi;
  readonly #scanner: RefreshDemandScanner;
  readonly #observedChanges: Uint32Array;
  readonly #watchOrder: readonly number[];
  readonly events = new Emitter<RosterEvents>();
  #sweeps = 0;
  #seenInSweep = 0;

  constructor(clock: SimulatedClock, service: ServiceModel, people: SimulatedPeopleApi) {
    this.#clock = clock;
    this.#service = service;
    this.#people = people;
    const { positions, point } = service.scenario;
    const slotLimit = positions.length;
    this.personCount = point.persons;
    this.watchedCount = slotLimit;
    this.slotLimit = slotLimit;
    this.#observedAt = new Float64Array(slotLimit).fill(Number.NaN);
    this.#changeRate = new Uint16Array(slotLimit).fill(INITIAL_CHANGE_RATE);
    this.#page = new Uint16Array(slotLimit);
    this.#observedChanges = new Uint32Array(slotLimit);
    this.#watchOrder = drawWatchOrder(slotLimit);
    this.#scanner = new RefreshDemandScanner(clock, this, (visit) =>
      this.#observedAt.forEach((observedAt, slot) => {
        if (!Number.isNaN(observedAt)) visit(slot);
      }),
    );
  }

  observedElapsedOf(slot: number): number {
    return this.#observedAt[slot] ?? 0;
  }

  changeRateOf(slot: number): number {
    return this.#changeRate[slot] ?? 0;
  }

  pageOf(slot: number): number {
    return this.#page[slot] ?? 0;
  }

  addressesOf(slot: number): readonly string[] {
    return [`${slot}@example.com`];
  }

  idOf(slot: number): string {
    return String(slot);
  }

  isMissing(): boolean {
    return false;
  }

  watchedAges(): WatchedAges {
    return { watchedP50: null, watchedP95: null };
  }

  beginSweep(): number {
    this.#seenInSweep = 0;
    return (this.#sweeps += 1);
  }

  applyPage(_sweep: number, items: readonly ListedPerson[], page: number): PageResult {
    this.#seenInSweep += items.length;
    return this.applyRefetchedPage(page, items);
  }

  applyRefetchedPage(page: number, items: readonly ListedPerson[]): PageResult {
    const actualPage = this.#people.pageOf(items);
    for (const slot of this.#service.scenario.onPage[actualPage] ?? []) {
      this.#observe(slot);
      this.#page[slot] = page + 1;
    }
    const persons = items.length;
    const alreadyOnPage = actualPage === page ? persons : 0;
    return { persons, alreadyOnPage, sharesStatus: true, seenInSweep: this.#seenInSweep };
  }

  completeSweep(): void {
    // The organization does not change.
  }

  isUnmatched(): boolean {
    return false;
  }

  unansweredAddresses(max: number): readonly string[] {
    const addresses: string[] = [];
    for (const slot of this.#watchOrder) {
      if (addresses.length === max) break;
      if (Number.isNaN(this.#observedAt[slot])) addresses.push(`${slot}@example.com`);
    }
    return addresses;
  }

  applyLookup(address: string): readonly string[] {
    this.#observe(Number(address.split("@")[0]));
    return [];
  }

  applyPerson(): void {
    // Nobody is missing.
  }

  refreshDemand(pages: number, freshMs: number): RefreshDemand {
    return this.#scanner.currentDemand(pages, freshMs);
  }

  onDemandCalls(): OnDemandCalls {
    return { lastMinute: 0, answeredInTime: 0, late: 0 };
  }

  refreshRequests(): readonly RefreshRequest[] {
    return [];
  }

  dismissRefreshRequests(): void {
    // Nobody asks.
  }

  #observe(slot: number): void {
    const now = this.#clock.monotonic();
    const elapsedMs = now - (this.#observedAt[slot] ?? Number.NaN);
    const changes = this.#service.countChanges(slot);
    const hasChanged = changes !== this.#observedChanges[slot];
    if (!Number.isNaN(elapsedMs)) {
      this.#changeRate[slot] = updateChangeRate(this.changeRateOf(slot), elapsedMs, hasChanged);
    }
    this.#observedChanges[slot] = changes;
    this.#observedAt[slot] = now;
  }
}

/** People are watched in an order that has nothing to do with that of the people list. */
function drawWatchOrder(persons: number): readonly number[] {
  const random = seededRandom(persons);
  const keys = Array.from({ length: persons }, random);
  return [...keys.keys()].sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
}
