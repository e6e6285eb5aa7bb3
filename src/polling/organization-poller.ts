import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { RefreshDemand } from "../presence/polled-roster.js";
import { LookupScheduler } from "./lookup-scheduler.js";
import { OrganizationHealth } from "./organization-health.js";
import { PageMap, PageRefetcher } from "./page-map.js";
import { freshnessPlanner, type PlannedAction, type Planner } from "./planner.js";
import type { PollingProblem, PollingReport, PollingSettings } from "./polling-report.js";
import { RequestExecutor, RequestHistory, type PollingRequest } from "./request-executor.js";
import { SweepRunner, type SweepRunnerOptions } from "./sweep-runner.js";

/** How often ages and pending failures are checked between requests. */
const CHECK_INTERVAL_MS = 5_000;
/** The roster computes its demand once a second; after this time it includes new watchers. */
const DEMAND_REFRESH_MS = 1_001;

/** `people` has to pass its requests through `budget`. */
export interface OrganizationPollerOptions extends SweepRunnerOptions {
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

interface PollingRun {
  readonly controller: AbortController;
  readonly completed: Promise<void>;
}

/**
 * Keeps the roster of one organization up to date: sends one request at a time, within the budget,
 * as the planner decides. Failures are reported as problems and retried; nothing is thrown.
 */
export class OrganizationPoller {
  readonly events = new Emitter<PollerEvents>();
  readonly #options: OrganizationPollerOptions;
  readonly #clock: Clock;
  readonly #planner: Planner;
  readonly #delay: Delay;
  readonly #health: OrganizationHealth;
  readonly #history: RequestHistory;
  readonly #lookups: LookupScheduler;
  readonly #pageMap = new PageMap();
  readonly #sweeps: SweepRunner;
  readonly #executor: RequestExecutor;
  #settings: PollingSettings;
  #lastPersonCount: number | null = null;
  #run: PollingRun | null = null;
  #previousRun: Promise<void> = Promise.resolve();
  /** Of the request in flight. */
  #request: AbortController | null = null;
  #disposers: readonly Disposer[] = [];
  #demandTimer: Disposer | null = null;

  constructor(options: OrganizationPollerOptions) {
    const { budget, clock, random, roster, planner = freshnessPlanner } = options;
    this.#options = options;
    this.#clock = clock;
    this.#planner = planner;
    this.#settings = {
      pollIntervalSeconds: 20,
      requestsPerMinute: budget.perMinuteLimit,
      staleAfterSeconds: 180,
    };
    this.#delay = new Delay(clock);
    this.#health = new OrganizationHealth(clock, random);
    this.#history = new RequestHistory(clock);
    this.#lookups = new LookupScheduler(clock, roster);
    this.#sweeps = new SweepRunner(options, this.#health, this.#pageMap);
    this.#executor = new RequestExecutor({
      ...options,
      pollIntervalMs: () => this.#intervalMs,
      health: this.#health,
      history: this.#history,
      lookups: this.#lookups,
      refetcher: new PageRefetcher(options, this.#health, this.#pageMap),
      sweeps: this.#sweeps,
    });
  }

  /** Polls Webex now, or once the last request of an earlier run has ended. Idempotent. */
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

  /**
   * Clears the problems and aborts the request in flight without applying its response; resolves
   * when it has ended. Idempotent.
   */
  stop(): Promise<void> {
    const run = this.#run;
    if (run === null) return this.#previousRun;
    this.#run = null;
    this.#previousRun = run.completed;
    for (const dispose of this.#disposers) dispose();
    this.#disposers = [];
    run.controller.abort();
    this.#request?.abort();
    this.#sweeps.reset();
    this.#pageMap.clear();
    this.#executor.reset();
    this.#health.reset();
    this.#emitChanges();
    return run.completed;
  }

  /** Takes effect immediately, even during a wait. */
  apply(settings: PollingSettings): void {
    this.#settings = settings;
    this.#options.budget.setLimit(settings.requestsPerMinute);
    if (this.#run !== null) this.#check();
  }

  /**
   * Requests a sweep as soon as the budget allows; the current one counts. `nextPossibleAt` is in
   * epoch milliseconds, or null if the organization cannot be polled.
   */
  pollNow(): { accepted: boolean; nextPossibleAt: number | null } {
    if (this.#run === null || !this.isAccepted) return { accepted: false, nextPossibleAt: null };
    this.#sweeps.request();
    this.#health.clearBackoff();
    this.#delay.wake();
    const possibleAt = Math.max(this.#clock.monotonic(), this.#options.budget.nextPossibleAt());
    return { accepted: true, nextPossibleAt: this.#toEpochMs(possibleAt) };
  }

  /** Polls immediately with a new grant: forgets failures and drops the request in flight. */
  retryNow(): void {
    if (this.#run === null) return;
    this.#health.forgetFailures();
    this.#restartRequest();
  }

  /**
   * Polls immediately over a new network route: drops the request in flight and the delays after
   * failures. A `Retry-After` of Webex still applies, because the budget enforces it.
   */
  routeChanged(): void {
    if (this.#run === null) return;
    this.#health.clearBackoff();
    this.#lookups.retryFailed();
    this.#restartRequest();
  }

  get problems(): readonly PollingProblem[] {
    return this.#health.problems;
  }

  /** False while Webex refuses the organization as a whole and a person has to act. */
  get isAccepted(): boolean {
    return !this.#health.isRefused;
  }

  report(): PollingReport {
    const { budget, roster } = this.#options;
    const sweep = this.#sweeps.current;
    const isBlocked = budget.blockedUntil > this.#clock.monotonic();
    return {
      persons: roster.personCount,
      watched: roster.watchedCount,
      mode: this.#history.mode,
      lastSweep: this.#sweeps.lastCompleted,
      sweepProgress: sweep === null ? null : { persons: sweep.persons, pages: sweep.pages },
      requests: {
        perMinuteLimit: budget.perMinuteLimit,
        lastMinute: budget.lastMinute,
        total: budget.total,
        rateLimited: budget.rateLimited,
        failed: budget.failed,
      },
      rateLimitedUntil: isBlocked ? this.#toIsoTime(budget.blockedUntil) : null,
      nextRequestAt: this.#delay.endsAt === null ? null : this.#toIsoTime(this.#delay.endsAt),
      ageSeconds: roster.watchedAges(),
    };
  }

  #restartRequest(): void {
    this.#sweeps.makeNextDue();
    this.#request?.abort();
    this.#emitChanges();
    this.#delay.wake();
  }

  async #poll(signal: AbortSignal, previousRun: Promise<void>): Promise<void> {
    await previousRun;
    while (!signal.aborted) {
      const action = this.#selectAction();
      if (action.kind === "wait") await this.#delay.waitUntil(action.untilMs, signal);
      else await this.#execute(action);
    }
  }

  #selectAction(): PlannedAction | PollingRequest {
    const now = this.#clock.monotonic();
    this.#pageMap.expireSuspension(now);
    const demand = this.#readDemand();
    const { notBefore } = this.#health;
    const nextPossibleAt = this.#options.budget.nextPossibleAt();
    if (this.#executor.isMeDue && Math.max(notBefore, nextPossibleAt) <= now) return { kind: "me" };
    return this.#planner.next({
      now,
      notBefore,
      nextPossibleAt,
      requestsPerMinute: this.#options.budget.ratePerMinute,
      requestDurationMs: this.#history.durationMs,
      pollIntervalMs: this.#intervalMs,
      pageSize: this.#sweeps.pageSize,
      sweep: this.#sweeps.current,
      previousSweep: this.#sweeps.previous,
      isSweepRequested: this.#sweeps.isRequested,
      unmatchedAddresses: this.#lookups.unmatchedAddresses(this.#pageMap.count + 1),
      unmatchedLookupsLastMinute: this.#history.unmatchedLookupsLastMinute,
      isUnmatchedLookupTurn: this.#history.isUnmatchedLookupTurn,
      pages: this.#pageMap,
      demand,
      requestsSinceSweepPage: this.#history.requestsSinceSweepPage,
    });
  }

  async #execute(request: PollingRequest): Promise<void> {
    const controller = new AbortController();
    this.#request = controller;
    await this.#executor.execute(request, controller.signal);
    this.#request = null;
    if (controller.signal.aborted) return;
    if (request.kind === "page" && this.#sweeps.current === null) this.#checkAges();
    this.#emitChanges();
  }

  get #intervalMs(): number {
    return this.#settings.pollIntervalSeconds * 1_000;
  }

  #readDemand(): RefreshDemand {
    const { roster } = this.#options;
    return this.#lookups.filterDemand(roster.refreshDemand(this.#pageMap.count, this.#intervalMs));
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
    this.#health.checkAges(roster.watchedAges(), this.#settings, () => ({
      requestsLastMinute: budget.lastMinute,
      ratePerMinute: budget.ratePerMinute,
      observedLimit: budget.observedLimit,
      pages: this.#pageMap.count,
      demand: this.#readDemand(),
    }));
  }

  #check(): void {
    this.#health.checkPendingFailure();
    this.#checkAges();
    this.#emitChanges();
    // Wakes also because an answer may have become too old, and lookups may be possible again.
    this.#delay.wake();
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

/** A wait, one at a time, that can be ended early. */
class Delay {
  readonly #clock: Clock;
  #resolve: (() => void) | null = null;
  #endsAt: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic milliseconds, or null while not waiting. */
  get endsAt(): number | null {
    return this.#endsAt;
  }

  /** Resolves at the monotonic time, when woken, or when the signal fires; never rejects. */
  waitUntil(monotonic: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise<void>((resolve) => {
      const finish = (): void => {
        cancelTimer();
        signal.removeEventListener("abort", finish);
        this.#resolve = null;
        this.#endsAt = null;
        resolve();
      };
      const delayMs = Math.ceil(monotonic - this.#clock.monotonic());
      const cancelTimer = this.#clock.schedule(delayMs, finish);
      signal.addEventListener("abort", finish, { once: true });
      this.#resolve = finish;
      this.#endsAt = monotonic;
    });
  }

  wake(): void {
    this.#resolve?.();
  }
}

/** Calls `callback` every `intervalMs` until disposed. */
function repeatEvery(clock: Clock, intervalMs: number, callback: () => void): Disposer {
  let cancel: Disposer = () => undefined;
  const schedule = (): void => {
    cancel = clock.schedule(intervalMs, () => {
      schedule();
      callback();
    });
  };
  schedule();
  return () => {
    cancel();
  };
}
