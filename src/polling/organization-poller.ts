import { asFault } from "../faults/fault.js";
import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { WatchedDemand } from "../presence/polled-roster.js";
import { Failures, type RequestedAction } from "./failures.js";
import { freshnessRemedy } from "./freshness-remedy.js";
import { Lookups } from "./lookups.js";
import { OrganizationHealth } from "./organization-health.js";
import { PageMap } from "./page-map.js";
import { Pause } from "./pause.js";
import { freshnessPlanner } from "./planner.js";
import type { PollingProblem, PollingReport } from "./polling-report.js";
import type { PollingSettings } from "./polling-settings.js";
import { Questions } from "./questions.js";
import { lookEvery } from "./recurring-look.js";
import { Rereads } from "./rereads.js";
import { reportOf, wallTime } from "./report-of.js";
import { RequestTimes } from "./request-times.js";
import { RequestsMade } from "./requests-made.js";
import { RosterSweeps, type RosterSweepsParts } from "./roster-sweeps.js";
import type { PlannedAction, Planner } from "./situation.js";
import { type SituationSources, situationOf } from "./situation-of.js";

/** How often ages and lasting failures are looked at between requests. */
const LOOK_EVERY_MS = 5_000;
/** The roster weighs the watched anew after this long: whoever began to be watched meanwhile is seen then. */
const DEMAND_SETTLES_MS = 1_001;

/** `people` passes its requests through `budget`. */
export interface OrganizationPollerParts extends RosterSweepsParts {
  readonly grantedScopes: () => readonly string[];
  /** Defaults to the freshness planner. */
  readonly planner?: Planner;
}

export interface PollerEvents {
  /** `problems` or `asking` has changed. */
  readonly stateChanged: undefined;
  /** The first sweep has completed, or a later one found another number of persons. */
  readonly personsCounted: undefined;
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
  readonly events = new Emitter<PollerEvents>();
  readonly #parts: OrganizationPollerParts;
  readonly #clock: Clock;
  readonly #planner: Planner;
  readonly #pause: Pause;
  readonly #health: OrganizationHealth;
  readonly #lookups: Lookups;
  readonly #map = new PageMap();
  readonly #sweeps: RosterSweeps;
  readonly #questions: Questions;
  readonly #failures: Failures;
  readonly #sources: SituationSources;
  #settings: PollingSettings;
  #counted: number | null = null;
  #run: Run | null = null;
  #ending: Promise<void> = Promise.resolve();
  /** The request under way. */
  #request: AbortController | null = null;
  #callOff: readonly Disposer[] = [];
  #demandSettles: Disposer | null = null;

  constructor(parts: OrganizationPollerParts) {
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#planner = parts.planner ?? freshnessPlanner;
    this.#pause = new Pause(parts.clock);
    this.#health = new OrganizationHealth(parts.clock, parts.chance);
    this.#lookups = new Lookups(parts.clock, parts.roster);
    this.#sweeps = new RosterSweeps(parts, this.#health, this.#map);
    const made = new RequestsMade(parts.clock);
    const rooms = { health: this.#health, sweeps: this.#sweeps, lookups: this.#lookups, made };
    this.#sources = { budget: parts.budget, map: this.#map, times: new RequestTimes(), ...rooms };
    const rereads = new Rereads(parts, this.#health, this.#map);
    this.#questions = new Questions({ ...parts, ...rooms, rereads });
    this.#failures = new Failures({ ...parts, ...rooms, rereads });
    this.#settings = { pollIntervalSeconds: 20, requestsPerMinute: parts.budget.perMinuteLimit, staleAfterSeconds: 180 };
  }

  /** Asks Webex at once (after an earlier run's last request has ended). Does nothing while running. */
  start(): void {
    if (this.#run !== null) return;
    const controller = new AbortController();
    this.#callOff = [
      lookEvery(this.#clock, LOOK_EVERY_MS, () => {
        this.#look();
      }),
      this.#parts.roster.events.on("demandChanged", () => {
        this.#demanded();
      }),
      () => {
        this.#demandSettles?.();
        this.#demandSettles = null;
      },
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
    this.#map.forget();
    this.#questions.forget();
    this.#health.reset();
    this.#tell();
    return run.ended;
  }

  /** In force at once, a wait under way included. */
  apply(settings: PollingSettings): void {
    this.#settings = settings;
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
    return {
      accepted: true,
      nextPossibleAt: wallTime(this.#clock, Math.max(this.#clock.monotonic(), this.#parts.budget.nextPossibleAt())),
    };
  }

  /** The grant changed: what was refused or failed is forgotten, a request under the old one is dropped, and Webex is asked at once. */
  retryNow(): void {
    if (this.#run === null) return;
    this.#health.forget();
    this.#askAnew();
  }

  /**
   * The way to Webex changed: a request on the old one is dropped, and Webex is asked at once, without regard to what failed there.
   * What Webex has asked to wait for lies in the budget, and goes on to count.
   */
  wayChanged(): void {
    if (this.#run === null) return;
    this.#health.tryNow();
    this.#lookups.tryFailedAgain();
    this.#askAnew();
  }

  get problems(): readonly PollingProblem[] {
    return this.#health.problems.list;
  }

  /** False while Webex refuses this organization as a whole and a person has to act. */
  get asking(): boolean {
    return !this.#health.refused;
  }

  report(): PollingReport {
    const { budget, clock, roster } = this.#parts;
    return reportOf({ budget, clock, roster, sweeps: this.#sweeps, made: this.#sources.made, waitsUntil: this.#pause.until });
  }

  #askAnew(): void {
    this.#sweeps.makeDue();
    this.#request?.abort();
    this.#tell();
    this.#pause.wake();
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
    this.#map.lookAtTheClock(now);
    const situation = situationOf(this.#sources, this.#watched(), this.#intervalMs, now);
    if (this.#questions.meDue && Math.max(situation.notBefore, situation.nextPossibleAt) <= now) return { kind: "me" };
    return this.#planner.next(situation);
  }

  async #take(action: RequestedAction): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const askedAt = this.#clock.monotonic();
    try {
      await this.#questions.ask(action, request.signal);
      if (action.kind !== "me") {
        this.#sources.times.took(action.kind === "lookup" ? "lookup" : "page", this.#clock.monotonic() - askedAt);
      }
    } catch (thrown) {
      if (!request.signal.aborted) this.#failures.take(asFault(thrown), action, askedAt, this.#intervalMs);
    } finally {
      this.#request = null;
    }
    if (request.signal.aborted) return;
    if (action.kind === "page" && this.#sweeps.current === null) this.#judgeAges();
    this.#tell();
  }

  get #intervalMs(): number {
    return this.#settings.pollIntervalSeconds * 1_000;
  }

  #watched(): WatchedDemand {
    return this.#lookups.refined(this.#parts.roster.watchedDemand(this.#map.count, this.#intervalMs));
  }

  #demanded(): void {
    this.#pause.wake();
    this.#demandSettles ??= this.#clock.timer(DEMAND_SETTLES_MS, () => {
      this.#demandSettles = null;
      this.#pause.wake();
    });
  }

  #judgeAges(): void {
    const { budget, roster } = this.#parts;
    this.#health.ages(roster.watchedAges(), this.#settings.staleAfterSeconds, (watchedP95) =>
      freshnessRemedy({
        settings: this.#settings,
        watchedP95,
        lastMinute: budget.lastMinute,
        pace: budget.pace,
        refusedAbove: budget.refusedAbove,
        pages: this.#map.count,
        watched: this.#watched(),
      }),
    );
  }

  #look(): void {
    this.#health.lookAtTheClock();
    this.#judgeAges();
    this.#tell();
    // What an address was told may have grown too old meanwhile, and lookups may have a turn again.
    this.#pause.wake();
  }

  #tell(): void {
    const persons = this.#sweeps.lastComplete?.persons ?? null;
    const recounted = persons !== this.#counted;
    this.#counted = persons;
    if (this.#health.problems.takeChanged()) this.#emit("stateChanged");
    if (recounted) this.#emit("personsCounted");
  }

  /** A listener's failure is not polling's: it is logged, and polling goes on. */
  #emit(event: keyof PollerEvents): void {
    try {
      this.events.emit(event);
    } catch (thrown) {
      this.#parts.logger.error("A listener to polling failed.", { orgId: this.#parts.orgId, error: thrown });
    }
  }
}
