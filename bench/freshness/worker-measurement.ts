import { setImmediate } from "node:timers/promises";

import { Fault } from "../../src/faults/fault.js";
import { type Disposer, Emitter } from "../../src/faults/emitter.js";
import type { Clock, Random } from "../../src/ports/clock.js";
import type { Logger } from "../../src/ports/logger.js";
import { OrganizationPoller } from "../../src/polling/organization-poller.js";
import { RequestBudget } from "../../src/polling/request-budget.js";
import {
  updateChangeRate,
  INITIAL_CHANGE_RATE,
  RefreshDemandScanner,
} from "../../src/presence/refresh-demand.js";
import type {
  ListedPerson,
  OnDemandCalls,
  PageResult,
  PersonSnapshot,
  PolledRoster,
  RefreshDemand,
  RefreshRequest,
  RosterEvents,
  WatchedAges,
} from "../../src/presence/polled-roster.js";
import type { Me } from "../../src/webex/people.js";
import type { PageReference, PeopleApi, PeoplePage } from "../../src/webex/people.js";
import { seededRandom } from "../../simulator/random.js";
import { INTERVAL_MS, REJECTION_MS, type Scenario } from "./scenario.js";
import { ServiceModel, type Outcome } from "./service-model.js";

const ignore = (): void => undefined;
const SILENT_LOGGER: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore };

/**
 * Runs the worker's poller, planner and budget against the service model, with a roster of the
 * watched persons. `requestsPerMinute`: the setting. `honorsOldLinks`: whether Webex answers an
 * old link with the same page or rejects it.
 */
export async function measureWorker(
  scenario: Scenario,
  requestsPerMinute: number,
  honorsOldLinks = true,
): Promise<Outcome> {
  const clock = new SimulatedClock(scenario.epoch);
  const service = new ServiceModel(scenario);
  const random: Random = { random: seededRandom(7) };
  const budget = new RequestBudget(clock, random, requestsPerMinute);
  const people = new SimulatedPeopleApi(clock, service, budget, honorsOldLinks);
  const roster = new WatchedRoster(clock, service, people);
  const poller = new OrganizationPoller({
    orgId: "organization",
    people,
    onDemandPeople: people,
    roster,
    budget,
    clock,
    random,
    logger: SILENT_LOGGER,
    grantedScopes: () => [],
  });
  poller.apply({
    pollIntervalSeconds: INTERVAL_MS / 1_000,
    requestsPerMinute,
    staleAfterSeconds: 180,
  });
  poller.start();
  await clock.runUntil(scenario.endMs);
  void poller.stop();
  return service.outcome();
}

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** A clock that jumps from timer to timer. `now()` starts at `epoch` (epoch milliseconds). */
class SimulatedClock implements Clock {
  readonly #epoch: number;
  #elapsed = 0;
  /** In the order of their creation. */
  readonly #timers = new Set<Timer>();

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  schedule(delayMs: number, callback: () => void): Disposer {
    const timer = { dueAt: this.#elapsed + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  endOfTurn(callback: () => void): Disposer {
    return this.schedule(0, callback);
  }

  /** Runs the timers that are due until `end`, and lets promises settle after each. */
  async runUntil(end: number): Promise<void> {
    await setImmediate();
    for (;;) {
      let next: Timer | null = null;
      for (const timer of this.#timers) if (timer.dueAt < (next?.dueAt ?? Infinity)) next = timer;
      if (next === null || next.dueAt > end) break;
      this.#timers.delete(next);
      this.#elapsed = next.dueAt;
      next.callback();
      await setImmediate();
    }
    this.#elapsed = end;
  }
}

const PLACEHOLDER_PERSON: ListedPerson = { fingerprint: Number.NaN, read: () => null };

/** Returns pages of placeholders; the service model tracks the watched persons. */
class SimulatedPeopleApi implements PeopleApi {
  readonly #clock: SimulatedClock;
  readonly #service: ServiceModel;
  readonly #budget: RequestBudget;
  readonly #honorsOldLinks: boolean;
  readonly #pages = new Map<number, PeoplePage>();
  readonly #pageOf = new Map<readonly ListedPerson[], number>();
  #newestLink = "";
  #linkCount = 0;

  constructor(
    clock: SimulatedClock,
    service: ServiceModel,
    budget: RequestBudget,
    honorsOldLinks: boolean,
  ) {
    this.#clock = clock;
    this.#service = service;
    this.#budget = budget;
    this.#honorsOldLinks = honorsOldLinks;
  }

  pageOf(items: readonly ListedPerson[]): number {
    return this.#pageOf.get(items) ?? -1;
  }

  listPage(reference: PageReference, signal: AbortSignal): Promise<PeoplePage> {
    return this.#request(signal, this.#service.scenario.pageMs, (now) => {
      const page = reference.kind === "first" ? 0 : Number(reference.url.split("=")[1]);
      const isOldLink = reference.kind === "next" && reference.url !== this.#newestLink;
      if (isOldLink && !this.#honorsOldLinks) {
        throw new Fault("refused", "The cursor is no longer valid.", { status: 400 });
      }
      this.#service.observePage(page, now);
      const content = this.#page(page);
      if (content.next === null) return content;
      this.#linkCount += 1;
      this.#newestLink = `${this.#linkCount}page=${page + 1}`;
      return { ...content, next: this.#newestLink };
    });
  }

  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]> {
    return this.#request(signal, this.#service.scenario.lookupMs, (now) => {
      const index = Number(email.split("@")[0]);
      this.#service.observePerson(index, now);
      return [snapshot(index)];
    });
  }

  findById(): Promise<PersonSnapshot> {
    throw new Error("Not called, because nobody is missing.");
  }

  me(): Promise<Me> {
    throw new Error("Not called, because persons share their status.");
  }

  #page(page: number): PeoplePage {
    const existing = this.#pages.get(page);
    if (existing !== undefined) return existing;
    const { persons, pageSize } = this.#service.scenario.point;
    const remaining = persons - page * pageSize;
    const length = Math.min(pageSize, remaining);
    const items = new Array<ListedPerson>(length).fill(PLACEHOLDER_PERSON);
    const content = { items, next: remaining > pageSize ? "next" : null };
    this.#pages.set(page, content);
    this.#pageOf.set(items, page);
    return content;
  }

  async #request<T>(
    signal: AbortSignal,
    durationMs: number,
    respond: (now: number) => T,
  ): Promise<T> {
    await this.#budget.acquire(signal);
    await this.#delay(REJECTION_MS / 2);
    const retryAfterMs = this.#service.handleRequest(this.#clock.monotonic());
    if (retryAfterMs > 0) {
      await this.#delay(REJECTION_MS / 2);
      this.#budget.complete("rateLimited");
      throw new Fault("rateLimited", "Too many requests.", { status: 429, retryAfterMs });
    }
    await this.#delay((durationMs - REJECTION_MS) / 2);
    try {
      return respond(this.#clock.monotonic());
    } finally {
      await this.#delay(durationMs / 2);
      this.#budget.complete("answered");
    }
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.schedule(ms, resolve));
  }
}

class WatchedRoster implements PolledRoster {
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

  unansweredAddresses(max: number): readonly string[] {
    const addresses: string[] = [];
    for (let slot = 0; slot < this.slotLimit && addresses.length < max; slot += 1) {
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

function snapshot(number: number): PersonSnapshot {
  const unknown = { displayName: null, userName: null, lastActivity: null };
  return { id: String(number), ...unknown, emails: [], sipAddresses: [], status: "active" };
}
