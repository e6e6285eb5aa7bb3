import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { RefreshDemand } from "../presence/polled-roster.js";
import type { PeopleApi } from "../webex/people.js";
import { ConcurrencyLimit } from "./concurrency-limit.js";
import { FailureLog } from "./failure-log.js";
import { freshnessHint } from "./freshness-advice.js";
import { InterruptibleWait } from "./interruptible-wait.js";
import type { LearnedFacts } from "./learned-facts.js";
import { LookupScheduler } from "./lookup-scheduler.js";
import { OrganizationHealth } from "./organization-health.js";
import { OnDemandRefresher } from "./on-demand-refresher.js";
import { PageMap } from "./page-map.js";
import {
  maxUnmatchedAddresses,
  planForFreshness,
  type PlannedAction,
  type Planner,
  type PlannerInput,
  type PollingRequest,
} from "./planner.js";
import type { PollingProblem, PollingReport, PollingSettings } from "./polling-report.js";
import { type Answer, RequestExecutor } from "./request-executor.js";
import { RequestHistory } from "./request-history.js";
import { type RequestInFlight, RequestsInFlight } from "./requests-in-flight.js";
import { withoutSuspensions } from "./suspension.js";
import { SweepRunner, type SweepRunnerOptions } from "./sweep-runner.js";

/** How often ages and pending failures are checked between requests. */
const CHECK_INTERVAL_MS = 5_000;
/** The roster computes its demand once a second; after this time it includes new watchers. */
const DEMAND_REFRESH_MS = 1_001;
/** Apply only until the first call of `apply`; the worker makes it when it creates the poller. */
const DEFAULT_SETTINGS: PollingSettings = {
  pollIntervalSeconds: 20,
  requestsPerMinute: 60,
  staleAfterSeconds: 180,
};

/** `people` has to pass its requests through `budget`. */
export interface OrganizationPollerOptions extends SweepRunnerOptions {
  /** For what callers wait for; passes its requests through `budget.limiter("onDemand")`. */
  readonly onDemandPeople: PeopleApi;
  readonly grantedScopes: () => readonly string[];
  /** Default: the freshness planner. */
  readonly planner?: Planner;
}

export interface PollerEvents {
  /** `problems` or `isAccepted` has changed. */
  readonly stateChanged: undefined;
  /** The first sweep has completed, or a later one found another number of persons. */
  readonly personsCounted: undefined;
}

/**
 * Keeps the roster of one organization up to date: sends requests, a few at a time and within the
 * budget, as the planner decides. Failures are reported as problems and retried; nothing is thrown.
 */
export class OrganizationPoller {
  readonly events = new Emitter<PollerEvents>();
  readonly #options: OrganizationPollerOptions;
  readonly #clock: Clock;
  readonly #planner: Planner;
  readonly #health: OrganizationHealth;
  readonly #history: RequestHistory;
  readonly #concurrency = new ConcurrencyLimit();
  readonly #inFlight = new RequestsInFlight();
  readonly #lookups: LookupScheduler;
  readonly #pageMap: PageMap;
  readonly #sweeps: SweepRunner;
  readonly #executor: RequestExecutor;
  readonly #onDemand: OnDemandRefresher;
  #settings = DEFAULT_SETTINGS;
  #lastPersonCount: number | null = null;
  /** Null while not polling. */
  #run: AbortController | null = null;
  /** Of the latest run. */
  #completed: Promise<void> = Promise.resolve();
  /** For the next request. */
  readonly #wait: InterruptibleWait;
  #unsubscribe: Disposer | null = null;
  #cancelCheck: Disposer | null = null;
  #cancelDemandRefresh: Disposer | null = null;

  constructor(options: OrganizationPollerOptions) {
    const { clock, learned, random, roster, planner = planForFreshness } = options;
    this.#options = options;
    this.#clock = clock;
    this.#planner = planner;
    this.#wait = new InterruptibleWait(clock);
    this.#health = new OrganizationHealth(clock, random);
    this.#history = new RequestHistory(clock, learned?.requestDurationMs);
    this.#pageMap = new PageMap(learned?.honorsOldLinks, clock.monotonic());
    this.#lookups = new LookupScheduler(clock, roster);
    const people = withoutSuspensions(options.people, clock);
    const onDemandPeople = withoutSuspensions(options.onDemandPeople, clock);
    this.#sweeps = new SweepRunner({ ...options, people }, this.#health, this.#pageMap);
    const parts = {
      ...options,
      people,
      pollIntervalMs: () => this.#intervalMs,
      concurrency: this.#concurrency,
      failureLog: new FailureLog(options),
      health: this.#health,
      history: this.#history,
      inFlight: this.#inFlight,
      lookups: this.#lookups,
      pageMap: this.#pageMap,
      sweeps: this.#sweeps,
    };
    this.#executor = new RequestExecutor(parts);
    this.#onDemand = new OnDemandRefresher({
      ...parts,
      executor: new RequestExecutor({ ...parts, people: onDemandPeople }),
      isPolling: () => this.#run !== null,
      onEnded: (request, answer) => this.#handleEnd(request, answer),
    });
  }

  /** Polls Webex now, or once all requests of an earlier run have ended. Idempotent. */
  start(): void {
    if (this.#run !== null) return;
    this.#run = new AbortController();
    const { pause } = this.#options.budget;
    if (pause !== null) this.#health.resumePause(pause.endsAt);
    this.#emitChanges();
    this.#completed = this.#poll(this.#run.signal, this.#completed);
    this.#onDemand.review();
    const { events } = this.#options.roster;
    this.#unsubscribe = events.on("demandChanged", () => this.#handleDemandChange());
    this.#scheduleCheck();
  }

  /**
   * Clears the problems and aborts the requests in flight without applying their responses;
   * resolves when they have ended. Idempotent.
   */
  stop(): Promise<void> {
    if (this.#run === null) return this.#completed;
    this.#run.abort();
    this.#run = null;
    this.#unsubscribe?.();
    this.#cancelCheck?.();
    this.#cancelDemandRefresh?.();
    this.#cancelDemandRefresh = null;
    this.#inFlight.abortAll();
    this.#completed = Promise.all([this.#completed, this.#onDemand.stop()]).then(() => undefined);
    this.#wait.end();
    this.#sweeps.reset();
    this.#pageMap.clear();
    this.#health.reset();
    this.#emitChanges();
    return this.#completed;
  }

  /** Takes effect immediately, even during a wait. */
  apply(settings: PollingSettings): void {
    this.#settings = settings;
    this.#options.budget.setLimit(settings.requestsPerMinute);
    if (this.#run !== null) this.#check();
  }

  /**
   * Requests a sweep as soon as the budget allows; the current one counts. Also retries what failed
   * or what Webex refused, which somebody may have put right. `nextPossibleAt` is in epoch
   * milliseconds, or null if the organization cannot be polled.
   */
  pollNow(): { accepted: boolean; nextPossibleAt: number | null } {
    if (this.#run === null || !this.#health.isRetryable) {
      return { accepted: false, nextPossibleAt: null };
    }
    this.#sweeps.request();
    this.#health.requestRetry(this.#inFlight.latestSentAt);
    this.#wait.end();
    const possibleAt = Math.max(
      this.#clock.monotonic(),
      this.#options.budget.nextPossibleAt(),
      this.#health.notBefore,
    );
    return { accepted: true, nextPossibleAt: this.#toEpochMs(possibleAt) };
  }

  /** Polls immediately with a new grant: forgets failures and drops the requests in flight. */
  retryNow(): void {
    if (this.#run === null) return;
    this.#health.forgetFailures();
    this.#restartRequests();
  }

  /** The server has been silent for a while. Ignored while polling does not wait for a response. */
  reportSilence(fault: Fault): void {
    if (this.#inFlight.latestSentAt === null) return;
    this.#health.recordSilence(fault);
    this.#emitChanges();
  }

  /**
   * Polls immediately over a new network route: drops the requests in flight and the delays
   * after failures. A `Retry-After` of Webex still applies, because the budget enforces it.
   */
  routeChanged(): void {
    if (this.#run === null) return;
    this.#health.clearBackoff();
    this.#lookups.retryFailed();
    this.#restartRequests();
  }

  get problems(): readonly PollingProblem[] {
    return this.#health.problems;
  }

  /** False while Webex refuses the organization as a whole and a person has to act. */
  get isAccepted(): boolean {
    return !this.#health.isRefused;
  }

  /** Whether requests fail, or a server is silent, for a reason that may pass. */
  get isFailing(): boolean {
    return this.#health.isFailing;
  }

  /** What a later process need not learn again. */
  learned(): LearnedFacts {
    return {
      requestsPerMinute: this.#options.budget.acceptedLimit,
      acceptedPerMinute: this.#options.budget.acceptedPerMinute,
      ...this.#sweeps.learned,
      requestDurationMs: this.#history.requestDurationMs,
      honorsOldLinks: this.#pageMap.honorsOldLinks,
      rateLimitPause: this.#options.budget.pause,
    };
  }

  report(): PollingReport {
    const { budget, roster } = this.#options;
    const sweep = this.#sweeps.current;
    const nextAt = this.#wait.until;
    return {
      persons: roster.personCount,
      watched: roster.watchedCount,
      mode: this.#history.mode,
      lastSweep: this.#sweeps.lastCompleted,
      sweepProgress: sweep && { persons: sweep.persons, pages: sweep.pages },
      requests: budget.report(),
      rateLimitedUntil: budget.pause && this.#toIsoTime(budget.blockedUntil),
      nextRequestAt: nextAt === null ? null : this.#toIsoTime(nextAt),
      ageSeconds: roster.watchedAges(),
      onDemand: roster.onDemandCalls(),
    };
  }

  #restartRequests(): void {
    this.#sweeps.makeNextDue();
    this.#inFlight.abortAll();
    this.#emitChanges();
    this.#wait.end();
  }

  async #poll(signal: AbortSignal, previousRun: Promise<void>): Promise<void> {
    await previousRun;
    const requests = new Set<Promise<void>>();
    while (!signal.aborted) {
      const action = this.#selectAction();
      if (action.kind === "wait") await this.#wait.begin(action.untilMs);
      else {
        const request = this.#execute(action).finally(() => requests.delete(request));
        requests.add(request);
        // The budget has to count it before the next one is planned.
        await Promise.race([request, this.#endOfTurn()]);
      }
    }
    await Promise.all(requests);
  }

  #selectAction(): PlannedAction {
    this.#pageMap.expireSuspension(this.#clock.monotonic());
    return this.#planner(this.#plannerInput());
  }

  #plannerInput(): PlannerInput {
    const demand = this.#readDemand();
    const inFlight = this.#inFlight.plannerInput();
    const sweeps = this.#sweeps.plannerInput();
    return {
      now: this.#clock.monotonic(),
      demand,
      notBefore: this.#health.notBefore,
      nextPossibleAt: this.#options.budget.nextPossibleAt(),
      requestsPerMinute: this.#options.budget.ratePerMinute,
      pollIntervalMs: this.#intervalMs,
      ...sweeps,
      unmatchedAddresses: this.#lookups.unmatchedAddresses(
        maxUnmatchedAddresses(this.#pageMap, sweeps.expectedPages),
        inFlight.keys,
      ),
      hasUnfoundAddresses: !this.#pageMap.isComplete && this.#lookups.hasUnfoundAddresses,
      confirmation: this.#lookups.nextConfirmation(demand.missing, inFlight.keys),
      ...this.#history.plannerInput(),
      pages: this.#pageMap,
      inFlight,
      maxInFlight: this.#maxInFlight,
    };
  }

  /** While Webex fails, the request that shows whether it works again goes alone. */
  get #maxInFlight(): number {
    const { max } = this.#concurrency;
    const { failedAt } = this.#health;
    const isFailing = Number.isFinite(failedAt);
    return isFailing ? Math.min(max, this.#inFlight.countSentBefore(failedAt) + 1) : max;
  }

  #endOfTurn(): Promise<void> {
    return new Promise((resolve) => this.#clock.endOfTurn(resolve));
  }

  async #execute(request: PollingRequest): Promise<void> {
    const inFlight = this.#inFlight.add(request, this.#clock.monotonic(), this.#pageOf(request));
    const answer = await this.#executor.execute(inFlight);
    this.#inFlight.delete(inFlight);
    this.#handleEnd(inFlight, answer);
  }

  /** A request has ended: others may be possible now. */
  #handleEnd(ended: RequestInFlight, answer: Answer | null): void {
    this.#wait.end();
    this.#onDemand.handleEnd(ended, answer);
    const { request, controller } = ended;
    if (controller.signal.aborted) return;
    if (request.kind === "page" && this.#sweeps.current === null) this.#checkAges();
    this.#emitChanges();
  }

  #pageOf(request: PollingRequest): number | null {
    if (request.kind === "refetch") return request.page;
    return request.kind === "page" ? (this.#sweeps.current?.pages ?? 0) : null;
  }

  get #intervalMs(): number {
    return this.#settings.pollIntervalSeconds * 1_000;
  }

  #readDemand(): RefreshDemand {
    const { roster } = this.#options;
    return this.#lookups.filterDemand(roster.refreshDemand(this.#pageMap.count, this.#intervalMs));
  }

  #handleDemandChange(): void {
    this.#wait.end();
    this.#cancelDemandRefresh ??= this.#clock.schedule(DEMAND_REFRESH_MS, () => {
      this.#cancelDemandRefresh = null;
      this.#wait.end();
    });
  }

  #checkAges(): void {
    const { budget, roster } = this.#options;
    const { watchedP95 } = roster.watchedAges();
    const { observedLimit } = budget;
    const settings = this.#settings;
    const { isComplete } = this.#pageMap;
    this.#health.checkAges(watchedP95, settings.staleAfterSeconds, isComplete, (age, steadyMs) => {
      const observed = { observedLimit, watchedP95: age, steadyMs };
      return freshnessHint({ ...this.#plannerInput(), settings, ...observed });
    });
  }

  #scheduleCheck(): void {
    this.#cancelCheck = this.#clock.schedule(CHECK_INTERVAL_MS, () => {
      this.#scheduleCheck();
      this.#check();
    });
  }

  #check(): void {
    this.#health.checkPendingFailure();
    this.#checkAges();
    this.#emitChanges();
    // Wakes also because an answer may have become too old, and lookups may be possible again.
    this.#wait.end();
  }

  #emitChanges(): void {
    const persons = this.#sweeps.lastCompleted?.persons ?? null;
    const hasCountChanged = persons !== this.#lastPersonCount;
    this.#lastPersonCount = persons;
    if (this.#health.drainProblemsChanged()) this.#emit("stateChanged");
    if (hasCountChanged) this.#emit("personsCounted");
  }

  /** Logs the error of a listener, so that polling continues. */
  #emit(event: keyof PollerEvents): void {
    const { logger, orgId } = this.#options;
    try {
      this.events.emit(event);
    } catch (error) {
      logger.error("A listener of the poller failed.", { orgId, event, error });
    }
  }

  #toEpochMs(monotonic: number): number {
    return this.#clock.now() + (monotonic - this.#clock.monotonic());
  }

  #toIsoTime(monotonic: number): string {
    return new Date(this.#toEpochMs(monotonic)).toISOString();
  }
}
