import { asFault } from "../faults/fault.js";
import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { RefreshDemand } from "../presence/polled-roster.js";
import { FailureHandler, type PollingRequest } from "./failure-handler.js";
import { suggestFreshnessRemedy } from "./freshness-remedy.js";
import { LookupScheduler } from "./lookup-scheduler.js";
import { OrganizationHealth } from "./organization-health.js";
import { PageMap } from "./page-map.js";
import { Delay } from "./delay.js";
import { freshnessPlanner } from "./planner.js";
import type { PollingProblem, PollingReport } from "./polling-report.js";
import type { PollingSettings } from "./polling-settings.js";
import { RequestExecutor } from "./request-executor.js";
import { repeatEvery } from "./recurring-look.js";
import { PageRefetcher } from "./page-refetcher.js";
import { createReport, toWallTime } from "./report-of.js";
import { RequestDurations } from "./request-times.js";
import { RequestHistory } from "./requests-made.js";
import { SweepRunner, type SweepRunnerOptions } from "./sweep-runner.js";
import type { PlannedAction, Planner } from "./situation.js";
import { type PlannerInputSources, createPlannerInput } from "./situation-of.js";

/** How often ages and lasting failures are looked at between requests. */
const CHECK_INTERVAL_MS = 5_000;
/** The roster weighs the watched anew after this long: whoever began to be watched meanwhile is seen then. */
const DEMAND_REFRESH_MS = 1_001;

/** `people` passes its requests through `budget`. */
export interface OrganizationPollerOptions extends SweepRunnerOptions {
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

interface PollingRun {
  readonly controller: AbortController;
  readonly completed: Promise<void>;
}

/**
 * Keeps one organization's roster up to date: one request at a time, inside the budget, as the planner says. What goes wrong shows
 * as problems and is tried again; nothing is thrown.
 */
export class OrganizationPoller {
  readonly events = new Emitter<PollerEvents>();
  readonly #options: OrganizationPollerOptions;
  readonly #clock: Clock;
  readonly #planner: Planner;
  readonly #delay: Delay;
  readonly #health: OrganizationHealth;
  readonly #lookups: LookupScheduler;
  readonly #pageMap = new PageMap();
  readonly #sweepRunner: SweepRunner;
  readonly #executor: RequestExecutor;
  readonly #failureHandler: FailureHandler;
  readonly #sources: PlannerInputSources;
  #settings: PollingSettings;
  #lastPersonCount: number | null = null;
  #run: PollingRun | null = null;
  #previousRun: Promise<void> = Promise.resolve();
  /** The request under way. */
  #request: AbortController | null = null;
  #disposers: readonly Disposer[] = [];
  #demandTimer: Disposer | null = null;

  constructor(options: OrganizationPollerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#planner = options.planner ?? freshnessPlanner;
    this.#delay = new Delay(options.clock);
    this.#health = new OrganizationHealth(options.clock, options.random);
    this.#lookups = new LookupScheduler(options.clock, options.roster);
    this.#sweepRunner = new SweepRunner(options, this.#health, this.#pageMap);
    const made = new RequestHistory(options.clock);
    const components = {
      health: this.#health,
      sweeps: this.#sweepRunner,
      lookups: this.#lookups,
      made,
    };
    this.#sources = {
      budget: options.budget,
      pageMap: this.#pageMap,
      durations: new RequestDurations(),
      ...components,
    };
    const refetcher = new PageRefetcher(options, this.#health, this.#pageMap);
    this.#executor = new RequestExecutor({ ...options, ...components, refetcher });
    this.#failureHandler = new FailureHandler({ ...options, ...components, refetcher });
    this.#settings = {
      pollIntervalSeconds: 20,
      requestsPerMinute: options.budget.perMinuteLimit,
      staleAfterSeconds: 180,
    };
  }

  /** Asks Webex at once (after an earlier run's last request has ended). Does nothing while running. */
  start(): void {
    if (this.#run !== null) return;
    const controller = new AbortController();
    this.#disposers = [
      repeatEvery(this.#clock, CHECK_INTERVAL_MS, () => {
        this.#check();
      }),
      this.#options.roster.events.on("demandChanged", () => {
        this.#handleDemandChange();
      }),
      () => {
        this.#demandTimer?.();
        this.#demandTimer = null;
      },
    ];
    this.#run = { controller, completed: this.#poll(controller.signal, this.#previousRun) };
  }

  /** Aborts the request under way, drops its result and waits for its end; the problems are gone then. Idempotent. */
  stop(): Promise<void> {
    const run = this.#run;
    if (run === null) return this.#previousRun;
    this.#run = null;
    this.#previousRun = run.completed;
    for (const dispose of this.#disposers) dispose();
    this.#disposers = [];
    run.controller.abort();
    this.#request?.abort();
    this.#sweepRunner.reset();
    this.#pageMap.clear();
    this.#executor.reset();
    this.#health.reset();
    this.#emitChanges();
    return run.completed;
  }

  /** In force at once, a wait under way included. */
  apply(settings: PollingSettings): void {
    this.#settings = settings;
    this.#options.budget.setLimit(settings.requestsPerMinute);
    if (this.#run === null) return;
    this.#check();
  }

  /** Asks for a sweep as soon as the budget allows; one under way counts. `nextPossibleAt` is epoch milliseconds, null where refused. */
  pollNow(): { accepted: boolean; nextPossibleAt: number | null } {
    if (this.#run === null || !this.isAccepted) return { accepted: false, nextPossibleAt: null };
    this.#sweepRunner.request();
    this.#health.clearBackoff();
    this.#delay.wake();
    return {
      accepted: true,
      nextPossibleAt: toWallTime(
        this.#clock,
        Math.max(this.#clock.monotonic(), this.#options.budget.nextPossibleAt()),
      ),
    };
  }

  /** The grant changed: what was refused or failed is forgotten, a request under the old one is dropped, and Webex is asked at once. */
  retryNow(): void {
    if (this.#run === null) return;
    this.#health.forgetFailures();
    this.#restartRequest();
  }

  /**
   * The way to Webex changed: a request on the old one is dropped, and Webex is asked at once, without regard to what failed there.
   * What Webex has asked to wait for lies in the budget, and goes on to count.
   */
  routeChanged(): void {
    if (this.#run === null) return;
    this.#health.clearBackoff();
    this.#lookups.retryFailed();
    this.#restartRequest();
  }

  get problems(): readonly PollingProblem[] {
    return this.#health.problems.list;
  }

  /** False while Webex refuses this organization as a whole and a person has to act. */
  get isAccepted(): boolean {
    return !this.#health.isRefused;
  }

  report(): PollingReport {
    const { budget, clock, roster } = this.#options;
    return createReport({
      budget,
      clock,
      roster,
      sweeps: this.#sweepRunner,
      made: this.#sources.made,
      waitingUntil: this.#delay.endsAt,
    });
  }

  #restartRequest(): void {
    this.#sweepRunner.makeNextDue();
    this.#request?.abort();
    this.#emitChanges();
    this.#delay.wake();
  }

  async #poll(signal: AbortSignal, previousRun: Promise<void>): Promise<void> {
    await previousRun;
    while (!signal.aborted) {
      const action = this.#nextAction();
      if (action.kind === "wait") await this.#delay.waitUntil(action.untilMs, signal);
      else await this.#execute(action);
    }
  }

  #nextAction(): PlannedAction | PollingRequest {
    const now = this.#clock.monotonic();
    this.#pageMap.expireSuspension(now);
    const input = createPlannerInput(this.#sources, this.#demand(), this.#intervalMs, now);
    if (this.#executor.isMeDue && Math.max(input.notBefore, input.nextPossibleAt) <= now)
      return { kind: "me" };
    return this.#planner.next(input);
  }

  async #execute(action: PollingRequest): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const sentAt = this.#clock.monotonic();
    try {
      await this.#executor.execute(action, request.signal);
      if (action.kind !== "me") {
        this.#sources.durations.record(
          action.kind === "lookup" ? "lookup" : "page",
          this.#clock.monotonic() - sentAt,
        );
      }
    } catch (thrown) {
      if (!request.signal.aborted)
        this.#failureHandler.handle(asFault(thrown), action, sentAt, this.#intervalMs);
    } finally {
      this.#request = null;
    }
    if (request.signal.aborted) return;
    if (action.kind === "page" && this.#sweepRunner.current === null) this.#checkAges();
    this.#emitChanges();
  }

  get #intervalMs(): number {
    return this.#settings.pollIntervalSeconds * 1_000;
  }

  #demand(): RefreshDemand {
    return this.#lookups.filterDemand(
      this.#options.roster.refreshDemand(this.#pageMap.count, this.#intervalMs),
    );
  }

  #handleDemandChange(): void {
    this.#delay.wake();
    this.#demandTimer ??= this.#clock.schedule(DEMAND_REFRESH_MS, () => {
      this.#demandTimer = null;
      this.#delay.wake();
    });
  }

  #checkAges(): void {
    const { budget, roster } = this.#options;
    this.#health.checkAges(roster.watchedAges(), this.#settings.staleAfterSeconds, (watchedP95) =>
      suggestFreshnessRemedy({
        settings: this.#settings,
        watchedP95,
        lastMinute: budget.lastMinute,
        ratePerMinute: budget.ratePerMinute,
        observedLimit: budget.observedLimit,
        pages: this.#pageMap.count,
        demand: this.#demand(),
      }),
    );
  }

  #check(): void {
    this.#health.checkPendingFailure();
    this.#checkAges();
    this.#emitChanges();
    // What an address was told may have grown too old meanwhile, and lookups may have a turn again.
    this.#delay.wake();
  }

  #emitChanges(): void {
    const persons = this.#sweepRunner.lastCompleted?.persons ?? null;
    const hasCountChanged = persons !== this.#lastPersonCount;
    this.#lastPersonCount = persons;
    if (this.#health.problems.drainChanged()) this.#emit("stateChanged");
    if (hasCountChanged) this.#emit("personsCounted");
  }

  /** A listener's failure is not polling's: it is logged, and polling goes on. */
  #emit(event: keyof PollerEvents): void {
    try {
      this.events.emit(event);
    } catch (thrown) {
      this.#options.logger.error("A listener to polling failed.", {
        orgId: this.#options.orgId,
        error: thrown,
      });
    }
  }
}
