import { asFault } from "../faults/fault.js";
import { Feed, type Disposer } from "../faults/feed.js";
import type { Clock } from "../ports/clock.js";
import type { PageReference } from "../webex/people-api.js";
import { Failures, type RequestedAction } from "./failures.js";
import { Lookups } from "./lookups.js";
import { OrganizationHealth } from "./organization-health.js";
import { Pause } from "./pause.js";
import { sweepPlanner, type PlannedAction, type Planner } from "./planner.js";
import type { PollingProblem, PollingReport } from "./polling-report.js";
import { lookEvery } from "./recurring-look.js";
import { RosterSweeps, type RosterSweepsParts } from "./roster-sweeps.js";

/** How often ages and lasting failures are looked at between requests. */
const LOOK_EVERY_MS = 5_000;

/** `people` passes its requests through `budget`. */
export interface OrganizationPollerParts extends RosterSweepsParts {
  readonly grantedScopes: () => readonly string[];
  /** Defaults to the sweep planner. */
  readonly planner?: Planner;
}

export interface PollingSettings {
  readonly pollIntervalSeconds: number;
  readonly requestsPerMinute: number;
  readonly staleAfterSeconds: number;
}

interface Run {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Keeps one organization's roster up to date: one request at a time, inside the budget, as the planner says. What goes wrong shows
 * as problems and is tried again; nothing is thrown.
 */
export class OrganizationPoller {
  /** Emits when `problems` or `asking` changed. */
  readonly onChanged = new Feed<void>();
  readonly #parts: OrganizationPollerParts;
  readonly #clock: Clock;
  readonly #planner: Planner;
  readonly #pause: Pause;
  readonly #health: OrganizationHealth;
  readonly #lookups: Lookups;
  readonly #sweeps: RosterSweeps;
  readonly #failures: Failures;
  #intervalMs = 20_000;
  #staleAfterSeconds = 180;
  #run: Run | null = null;
  #ending: Promise<void> = Promise.resolve();
  /** The request under way. */
  #request: AbortController | null = null;
  #callOff: readonly Disposer[] = [];
  #lookupsTurn = false;
  #meDue = false;

  constructor(parts: OrganizationPollerParts) {
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#planner = parts.planner ?? sweepPlanner;
    this.#pause = new Pause(parts.clock);
    this.#health = new OrganizationHealth(parts.clock, parts.chance);
    this.#lookups = new Lookups(parts.clock, parts.roster);
    this.#sweeps = new RosterSweeps(parts, this.#health);
    this.#failures = new Failures({ ...parts, health: this.#health, sweeps: this.#sweeps, lookups: this.#lookups });
  }

  /** Asks Webex at once (after an earlier run's last request has ended). Does nothing while running. */
  start(): void {
    if (this.#run !== null) return;
    const controller = new AbortController();
    this.#callOff = [
      lookEvery(this.#clock, LOOK_EVERY_MS, () => {
        this.#look();
      }),
      this.#parts.roster.onDemand(() => {
        this.#pause.wake();
      }),
    ];
    this.#run = { controller, ended: this.#poll(controller.signal, this.#ending) };
  }

  /** Aborts the request under way, drops its result and waits for its end; the problems are gone then. Idempotent. */
  stop(): Promise<void> {
    const run = this.#run;
    if (run === null) return this.#ending;
    this.#run = null;
    this.#ending = run.ended;
    for (const callOff of this.#callOff) callOff();
    this.#callOff = [];
    run.controller.abort();
    this.#request?.abort();
    this.#sweeps.abandon();
    this.#meDue = false;
    this.#health.reset();
    this.#tell();
    return run.ended;
  }

  /** In force at once, a wait under way included. */
  apply(settings: PollingSettings): void {
    this.#intervalMs = settings.pollIntervalSeconds * 1_000;
    this.#staleAfterSeconds = settings.staleAfterSeconds;
    this.#parts.budget.setLimit(settings.requestsPerMinute);
    if (this.#run === null) return;
    this.#look();
  }

  /** Asks for a sweep as soon as the budget allows; one under way counts. `nextPossibleAt` is epoch milliseconds, null where refused. */
  pollNow(): { accepted: boolean; nextPossibleAt: number | null } {
    if (this.#run === null || !this.asking) return { accepted: false, nextPossibleAt: null };
    this.#sweeps.request();
    this.#health.tryNow();
    this.#pause.wake();
    return { accepted: true, nextPossibleAt: this.#wall(Math.max(this.#clock.monotonic(), this.#parts.budget.nextPossibleAt())) };
  }

  /** The grant changed: what was refused or failed is forgotten, a request under the old one is dropped, and Webex is asked at once. */
  retryNow(): void {
    if (this.#run === null) return;
    this.#health.forget();
    this.#sweeps.makeDue();
    this.#request?.abort();
    this.#tell();
    this.#pause.wake();
  }

  get problems(): readonly PollingProblem[] {
    return this.#health.problems.list;
  }

  /** False while Webex refuses this organization as a whole and a person has to act. */
  get asking(): boolean {
    return !this.#health.refused;
  }

  report(): PollingReport {
    const { budget, roster } = this.#parts;
    const sweep = this.#sweeps.current;
    const blocked = budget.blockedUntil > this.#clock.monotonic();
    return {
      persons: roster.personCount,
      watched: roster.watchedCount,
      mode: this.#lookups.lastMinute > 0 ? "mixed" : "sweep",
      lastSweep: this.#sweeps.lastComplete,
      sweepProgress: sweep === null ? null : { persons: sweep.persons, pages: sweep.pages },
      requests: {
        perMinuteLimit: budget.perMinuteLimit,
        lastMinute: budget.lastMinute,
        total: budget.total,
        rateLimited: budget.rateLimited,
        failed: budget.failed,
      },
      rateLimitedUntil: blocked ? iso(this.#wall(budget.blockedUntil)) : null,
      nextRequestAt: this.#pause.until === null ? null : iso(this.#wall(this.#pause.until)),
      ageSeconds: roster.watchedAges(),
    };
  }

  async #poll(signal: AbortSignal, earlierRun: Promise<void>): Promise<void> {
    await earlierRun;
    while (!signal.aborted) {
      const action = this.#nextAction();
      if (action.kind === "wait") await this.#pause.wait(action.untilMs, signal);
      else await this.#take(action);
    }
  }

  #nextAction(): PlannedAction | RequestedAction {
    const now = this.#clock.monotonic();
    const nextPossibleAt = this.#parts.budget.nextPossibleAt();
    const notBefore = this.#health.notBefore;
    if (this.#meDue && Math.max(notBefore, nextPossibleAt) <= now) return { kind: "me" };
    return this.#planner.next({
      now,
      notBefore,
      nextPossibleAt,
      requestsPerMinute: this.#parts.budget.perMinuteLimit,
      pollIntervalMs: this.#intervalMs,
      pageSize: this.#sweeps.pageSize,
      sweep: this.#sweeps.current,
      previousSweep: this.#sweeps.previous,
      sweepRequested: this.#sweeps.requested,
      unanswered: this.#sweeps.everThrough ? this.#lookups.candidates() : [],
      lookupsLastMinute: this.#lookups.lastMinute,
      lookupsTurn: this.#lookupsTurn,
    });
  }

  async #take(action: RequestedAction): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const askedAt = this.#clock.monotonic();
    try {
      if (action.kind === "page") await this.#readPage(action.page, request.signal);
      else if (action.kind === "lookup") await this.#lookUp(action.address, request.signal);
      else await this.#askAboutMe(request.signal);
    } catch (thrown) {
      if (!request.signal.aborted) this.#failures.take(asFault(thrown), action, askedAt, this.#intervalMs);
    } finally {
      this.#request = null;
    }
    if (!request.signal.aborted) this.#tell();
  }

  async #readPage(reference: PageReference, signal: AbortSignal): Promise<void> {
    const nobodysStatus = await this.#sweeps.readPage(reference, signal);
    if (signal.aborted) return;
    this.#lookupsTurn = true;
    if (this.#sweeps.current !== null) return;
    // An administrator who shares no status gets nobody's; only their own record tells that from a quiet organization.
    this.#meDue = nobodysStatus;
    this.#health.ages(this.#parts.roster.watchedAges(), this.#staleAfterSeconds);
  }

  async #lookUp(address: string, signal: AbortSignal): Promise<void> {
    this.#lookupsTurn = false;
    this.#lookups.made();
    const persons = await this.#parts.people.findByEmail(address, signal);
    if (signal.aborted) return;
    this.#parts.roster.applyLookup(address, persons);
    this.#health.answered(null);
  }

  async #askAboutMe(signal: AbortSignal): Promise<void> {
    this.#meDue = false;
    const me = await this.#parts.people.me(signal);
    if (signal.aborted) return;
    this.#health.answered(null);
    this.#health.statusShared(me.sharesStatus);
  }

  #look(): void {
    this.#health.lookAtTheClock();
    this.#health.ages(this.#parts.roster.watchedAges(), this.#staleAfterSeconds);
    this.#tell();
    // What an address was told may have grown too old meanwhile, and lookups may have a turn again.
    this.#pause.wake();
  }

  /** A listener's failure is not polling's: it is logged, and polling goes on. */
  #tell(): void {
    if (!this.#health.problems.takeChanged()) return;
    try {
      this.onChanged.emit();
    } catch (thrown) {
      this.#parts.logger.error("A listener to polling failed.", { orgId: this.#parts.orgId, error: thrown });
    }
  }

  #wall(monotonic: number): number {
    return this.#clock.now() + (monotonic - this.#clock.monotonic());
  }
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
