import { Fault, type FaultCode } from "../../src/faults/fault.js";
import { Emitter } from "../../src/faults/emitter.js";
import type { LearnedFacts } from "../../src/polling/learned-facts.js";
import { OrganizationPoller } from "../../src/polling/organization-poller.js";
import { type InFlight, planForFreshness, type Planner } from "../../src/polling/planner.js";
import { RequestBudget } from "../../src/polling/request-budget.js";
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
import { NO_DEMAND } from "../../src/presence/refresh-demand.js";
import type { RequestLimiter } from "../../src/webex/rest.js";
import type { Me } from "../../src/webex/people.js";
import type { PageReference, PeopleApi, PeoplePage } from "../../src/webex/people.js";
import { FakeClock, NO_JITTER, SeededRandom } from "./clock-fake.js";
import { listedPersons } from "./presence-fixture.js";
import { RecordingLogger } from "./logger-fake.js";

export function person(id: string, status: string | null = "active"): PersonSnapshot {
  const userName = `${id}@example.com`;
  const addresses = { userName, emails: [userName], sipAddresses: [] };
  return { id, displayName: id, ...addresses, status, lastActivity: null };
}

export const NOTHING_IN_FLIGHT: InFlight = {
  isSweepPage: false,
  isMe: false,
  count: 0,
  refetches: 0,
  lookups: 0,
  pages: new Set(),
  keys: new Set(),
};

export const SETTINGS = { pollIntervalSeconds: 20, requestsPerMinute: 60, staleAfterSeconds: 180 };

/** Records what polling applies, and returns the demand that the test has set. */
export class FakeRoster implements PolledRoster {
  readonly known = new Map<string, PersonSnapshot>();
  readonly applied: { sweep: number; ids: string[] }[] = [];
  readonly completed: number[] = [];
  readonly lookups: { address: string; found: number }[] = [];
  readonly confirmed: { id: string; isGone: boolean }[] = [];
  unanswered: string[] = [];
  /** Addresses that the roster watches and matches nobody with. */
  readonly unmatched = new Set<string>();
  ages: WatchedAges = { watchedP50: null, watchedP95: null };
  fixedPersonCount: number | null = null;
  demandFor: (pages: number) => RefreshDemand = () => NO_DEMAND;
  readonly refetched: { page: number; ids: string[] }[] = [];
  /** When the requests were sent whose responses were applied, in their order. */
  readonly sentAt: (number | undefined)[] = [];
  #sweeps = 0;
  readonly #seen = new Set<string>();
  readonly events = new Emitter<RosterEvents>();

  get personCount(): number {
    return this.fixedPersonCount ?? this.known.size;
  }
  get watchedCount(): number {
    return this.unanswered.length;
  }
  watchedAges(): WatchedAges {
    return this.ages;
  }
  beginSweep(): number {
    this.#seen.clear();
    return ++this.#sweeps;
  }
  applyPage(
    sweep: number,
    items: readonly ListedPerson[],
    _page: number,
    sentAt?: number,
  ): PageResult {
    const persons = personsOf(items);
    this.#answer(sentAt, ({ id }) => persons.some((each) => each.id === id));
    this.applied.push({ sweep, ids: persons.map(({ id }) => id) });
    for (const found of persons) {
      this.known.set(found.id, found);
      this.#seen.add(found.id);
    }
    return this.#pageResult(persons, 0);
  }
  applyRefetchedPage(page: number, items: readonly ListedPerson[], sentAt?: number): PageResult {
    const persons = personsOf(items);
    this.#answer(sentAt, ({ id }) => persons.some((each) => each.id === id));
    this.refetched.push({ page, ids: persons.map((p) => p.id) });
    return this.#pageResult(persons, persons.filter((p) => this.known.has(p.id)).length);
  }
  refreshDemand(pages: number): RefreshDemand {
    return this.demandFor(pages);
  }
  completeSweep(sweep: number): void {
    this.completed.push(sweep);
  }
  unansweredAddresses(max: number): readonly string[] {
    return this.unanswered.slice(0, max);
  }
  isUnmatched(address: string): boolean {
    return this.unmatched.has(address);
  }
  applyLookup(
    address: string,
    persons: readonly PersonSnapshot[],
    sentAt?: number,
  ): readonly string[] {
    this.#answer(sentAt, ({ id, address: wanted }) =>
      id === null ? wanted === address : persons.some((each) => each.id === id),
    );
    this.lookups.push({ address, found: persons.length });
    this.unanswered = this.unanswered.filter((a) => a !== address);
    const missing = [...this.known.values()].filter(({ emails }) => emails[0] === address);
    return missing.map(({ id }) => id).filter((id) => !persons.some((found) => found.id === id));
  }
  applyPerson(id: string, found: PersonSnapshot | null, sentAt?: number): void {
    this.#answer(sentAt, (request) => request.id === id);
    this.confirmed.push({ id, isGone: found === null });
  }
  /** What callers wait for, until it is answered or dismissed. */
  refreshes: RefreshRequest[] = [];
  readonly dismissed: RefreshRequest[] = [];
  refreshRequests(): readonly RefreshRequest[] {
    return this.refreshes;
  }
  dismissRefreshRequests(requests: readonly RefreshRequest[]): void {
    this.dismissed.push(...requests);
    this.refreshes = this.refreshes.filter((request) => !requests.includes(request));
  }
  requestRefresh(...requests: readonly RefreshRequest[]): void {
    this.refreshes.push(...requests);
    this.events.emit("refreshRequested");
  }
  #answer(sentAt: number | undefined, isAbout: (request: RefreshRequest) => boolean): void {
    this.sentAt.push(sentAt);
    this.refreshes = this.refreshes.filter(
      (request) => !(isAbout(request) && (sentAt ?? Infinity) >= request.sentFrom),
    );
  }
  onDemandCalls(): OnDemandCalls {
    return { lastMinute: 0, answeredInTime: 0, late: 0 };
  }
  watch(address: string): void {
    this.unanswered.push(address);
    this.events.emit("demandChanged");
  }

  #pageResult(persons: readonly PersonSnapshot[], alreadyOnPage: number): PageResult {
    const sharesStatus = persons.some(({ status }) => status !== null);
    const seenInSweep = this.#seen.size;
    return { persons: persons.length, alreadyOnPage, sharesStatus, seenInSweep };
  }
}

function personsOf(items: readonly ListedPerson[]): PersonSnapshot[] {
  return items.flatMap((item) => item.read() ?? []);
}

/** Answers as the test has set: each request waits for the limiter, then takes its latency. */
export class FakePeopleApi implements PeopleApi {
  readonly requests: { readonly at: number; readonly name: string }[] = [];
  latencyMs = 0;
  /** By the name of the request. */
  latencyOf: (name: string) => number = () => this.latencyMs;
  pages: readonly (readonly PersonSnapshot[])[] = [[person("a"), person("b")]];
  sharesStatus = true;
  /** The outcomes of the next requests; null lets one succeed. */
  readonly faults: (Fault | null)[] = [];
  /** Decides about requests once `faults` is empty. */
  failRequest: (name: string) => Fault | null = () => null;
  respondWithPage: (page: PageReference) => PeoplePage = (page) => {
    const index = page.kind === "first" ? 0 : Number(page.url.split("=")[1]);
    const persons = this.pages[index] ?? [];
    const next = index + 1 < this.pages.length ? `next=${index + 1}` : null;
    return { items: listedPersons(persons), next };
  };
  findPersons: (email: string) => readonly PersonSnapshot[] = () => [];
  findPerson: (id: string) => PersonSnapshot | null = () => null;
  /** The names of the requests in flight. */
  readonly namesInFlight: string[] = [];
  maxInFlight = 0;
  readonly #clock: FakeClock;
  readonly #limiter: RequestLimiter;

  constructor(clock: FakeClock, limiter: RequestLimiter) {
    this.#clock = clock;
    this.#limiter = limiter;
  }

  get inFlight(): number {
    return this.namesInFlight.length;
  }

  get requestNames(): string[] {
    return this.requests.map(({ name }) => name);
  }

  /** The intervals between the requests, milliseconds. */
  get gaps(): number[] {
    return this.requests.slice(1).map(({ at }, i) => at - this.requests[i]!.at);
  }

  countRequests(predicate: (name: string, index: number) => boolean): number {
    return this.requestNames.filter(predicate).length;
  }

  listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage> {
    const name = page.kind === "first" ? `first ${page.max}` : page.url;
    return this.#respond(name, signal, () => this.respondWithPage(page));
  }

  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]> {
    return this.#respond(`lookup ${email}`, signal, () => this.findPersons(email));
  }

  findById(id: string, signal: AbortSignal): Promise<PersonSnapshot | null> {
    return this.#respond(`person ${id}`, signal, () => this.findPerson(id));
  }

  me(signal: AbortSignal): Promise<Me> {
    const me = { personId: "me", orgId: "org", displayName: null, email: null, isFullAdmin: true };
    return this.#respond("me", signal, () => ({ ...me, sharesStatus: this.sharesStatus }));
  }

  async #respond<T>(name: string, signal: AbortSignal, respond: () => T): Promise<T> {
    this.namesInFlight.push(name);
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    let outcome: "answered" | "rateLimited" | "failed" = "failed";
    let isAdmitted = false;
    try {
      await this.#limiter.acquire(signal);
      isAdmitted = true;
      this.requests.push({ at: this.#clock.monotonic(), name });
      const latencyMs = this.latencyOf(name);
      if (latencyMs > 0) await this.#delayResponse(latencyMs, signal);
      const fault = this.faults.length > 0 ? this.faults.shift()! : this.failRequest(name);
      if (fault?.code === "rateLimited") outcome = "rateLimited";
      if (fault !== null) throw fault;
      outcome = "answered";
      return respond();
    } finally {
      if (isAdmitted) this.#limiter.complete(outcome);
      this.namesInFlight.splice(this.namesInFlight.indexOf(name), 1);
    }
  }

  #delayResponse(latencyMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.schedule(latencyMs, resolve);
      signal.addEventListener("abort", () => {
        cancel();
        reject(new Fault("cancelled", "Cancelled."));
      });
    });
  }
}

export function fault(code: FaultCode, status?: number, retryAfterMs?: number): Fault {
  return new Fault(code, "Set by the test.", {
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    trackingId: "TRACK_1",
  });
}

/** Needs no cleanup: without its clock, a running poller does nothing. */
export function createPollingHarness(
  requestsPerMinute = 60,
  clock = new FakeClock(),
  planner: Planner = planForFreshness,
  learned: LearnedFacts | null = null,
) {
  const limit = learned?.requestsPerMinute ?? null;
  const { acceptedPerMinute = null } = learned ?? {};
  const known = { acceptedPerMinute };
  const budget = new RequestBudget(clock, NO_JITTER, requestsPerMinute, limit, known);
  const people = new FakePeopleApi(clock, budget);
  const roster = new FakeRoster();
  const logger = new RecordingLogger();
  const scopes = { granted: ["spark-admin:people_read", "spark-admin:organizations_read"] };
  const random = new SeededRandom(7);
  const grantedScopes = (): readonly string[] => scopes.granted;
  const onDemandPeople = new FakePeopleApi(clock, budget.limiter("onDemand"));
  const parts = {
    people,
    onDemandPeople,
    roster,
    budget,
    clock,
    random,
    logger,
    grantedScopes,
    planner,
    learned,
  };
  const poller = new OrganizationPoller({ orgId: "org", ...parts });
  const changes: string[][] = [];
  const codes = (): string[] => poller.problems.map(({ code }) => code);
  poller.events.on("stateChanged", () => changes.push(codes()));
  /** Starts polling and lets some time pass. */
  const start = async (ms = 0): Promise<void> => {
    poller.start();
    await clock.advance(ms);
  };
  return {
    clock,
    budget,
    people,
    onDemandPeople,
    roster,
    logger,
    scopes,
    poller,
    start,
    changes,
    codes,
  };
}
