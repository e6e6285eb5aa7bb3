import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { PolledRoster, RefreshRequest } from "../presence/polled-roster.js";
import type { ConcurrencyLimit } from "./concurrency-limit.js";
import { type AnsweredRequest, type OnDemandPlan, planOnDemand } from "./on-demand-planner.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import type { PollingRequest } from "./planner.js";
import type { RequestBudget } from "./request-budget.js";
import type { Answer, RequestExecutor } from "./request-executor.js";
import type { RequestHistory } from "./request-history.js";
import { keyOf, type RequestInFlight, type RequestsInFlight } from "./requests-in-flight.js";

const MINUTE_MS = 60_000;
/** While Webex fails, callers cause a request in this interval at most. */
const FAILING_INTERVAL_MS = 2_000;
/** Longer than any caller waits (protocol: `maxWaitMs`). */
const ANSWER_RETENTION_MS = 60_000;

interface OnDemandRefresherOptions {
  readonly clock: Clock;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly concurrency: ConcurrencyLimit;
  readonly health: OrganizationHealth;
  readonly history: RequestHistory;
  readonly inFlight: RequestsInFlight;
  readonly pageMap: PageMap;
  /** Its `people` pass their requests through the budget's limiter of this priority. */
  readonly executor: RequestExecutor;
  readonly isPolling: () => boolean;
  /** Called after each request, which is not in flight any more. */
  readonly onEnded: (request: RequestInFlight, answer: Answer | null) => void;
}

/**
 * Requests at once what callers wait for, ahead of the planner's requests and beside them.
 * Dismisses what cannot be had in time, so that nobody waits for nothing. Times are monotonic
 * milliseconds.
 */
export class OnDemandRefresher {
  readonly #options: OnDemandRefresherOptions;
  /** The latest answered requests, by page and by address or id. */
  readonly #answered = {
    pages: new Map<number, AnsweredRequest>(),
    keys: new Map<string, AnsweredRequest>(),
  };
  /** By id: persons whom a lookup for a caller did not find, to be requested by id. */
  readonly #unconfirmed = new Map<string, RefreshRequest>();
  readonly #requests = new Set<Promise<void>>();
  #latestSentAt = Number.NEGATIVE_INFINITY;
  #isSending = false;
  #cancelReview: Disposer | null = null;
  #cancelTimer: Disposer | null = null;

  /** Observes the roster as long as that exists: also while polling is stopped, callers ask. */
  constructor(options: OnDemandRefresherOptions) {
    this.#options = options;
    options.roster.events.on("refreshRequested", () => this.review());
  }

  /** Plans at the end of the turn, so that calls that arrive together share requests. */
  review(): void {
    this.#cancelReview ??= this.#options.clock.endOfTurn(() => {
      this.#cancelReview = null;
      void this.#send();
    });
  }

  /** A request, whoever caused it, is not in flight any more. `answer`: null if it had none. */
  handleEnd(ended: RequestInFlight, answer: Answer | null): void {
    if (answer !== null) this.#recordAnswer(ended, answer);
    this.review();
  }

  /** Dismisses what callers wait for. Resolves when the requests in flight have ended. */
  async stop(): Promise<void> {
    this.#cancelReview?.();
    this.#cancelReview = null;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#unconfirmed.clear();
    const { roster } = this.#options;
    const requests = roster.refreshRequests();
    if (requests.length > 0) roster.dismissRefreshRequests(requests);
    await Promise.all(this.#requests);
  }

  /** Sends as much as may be in flight now, one after another, as the budget counts them. */
  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      let { next } = this.#plan();
      while (next.kind !== "wait") {
        const request = this.#execute(next).finally(() => this.#requests.delete(request));
        this.#requests.add(request);
        await Promise.race([request, this.#endOfTurn()]);
        ({ next } = this.#plan());
      }
      this.#scheduleReview(next.untilMs);
    } finally {
      this.#isSending = false;
    }
  }

  #plan(): OnDemandPlan {
    const { budget, clock, concurrency, health, history, inFlight, isPolling, pageMap, roster } =
      this.#options;
    const now = clock.monotonic();
    this.#forgetOld(now);
    const failingUntil = Number.isFinite(health.failedAt)
      ? this.#latestSentAt + FAILING_INTERVAL_MS
      : Number.NEGATIVE_INFINITY;
    const asked = roster.refreshRequests();
    const plan = planOnDemand({
      now,
      requests: this.#withUnconfirmed(asked),
      isAccepted: isPolling() && !health.isRefused,
      freePlaces: concurrency.max + 1 - inFlight.size,
      nextPossibleAt: Math.max(budget.nextPossibleAt("onDemand"), failingUntil),
      requestIntervalMs: MINUTE_MS / budget.ratePerMinute,
      requestDurationMs: history.requestDurationMs,
      inFlight: [...inFlight].filter(({ controller }) => !controller.signal.aborted),
      refetchablePages: pageMap.isRefetchable ? pageMap.count : 0,
      answered: this.#answered,
    });
    this.#dismiss(plan.dismissed, asked);
    return plan;
  }

  /** Whom a lookup did not find, only a request by id finds. */
  #withUnconfirmed(asked: readonly RefreshRequest[]): readonly RefreshRequest[] {
    if (this.#unconfirmed.size === 0) return asked;
    const others = asked.filter(({ id }) => id === null || !this.#unconfirmed.has(id));
    return [...this.#unconfirmed.values(), ...others];
  }

  #dismiss(dismissed: readonly RefreshRequest[], asked: readonly RefreshRequest[]): void {
    if (dismissed.length === 0) return;
    const ids = new Set<string | null>();
    for (const request of dismissed) {
      if (request.id !== null && this.#unconfirmed.get(request.id) === request) {
        this.#unconfirmed.delete(request.id);
        ids.add(request.id);
      }
    }
    const ofCallers = new Set(dismissed);
    const gone = asked.filter((request) => ofCallers.has(request) || ids.has(request.id));
    if (gone.length > 0) this.#options.roster.dismissRefreshRequests(gone);
  }

  async #execute(request: PollingRequest): Promise<void> {
    const { clock, executor, inFlight, onEnded } = this.#options;
    this.#latestSentAt = clock.monotonic();
    const page = request.kind === "refetch" ? request.page : null;
    const sent = inFlight.add(request, this.#latestSentAt, page, true);
    const answer = await executor.execute(sent);
    inFlight.delete(sent);
    onEnded(sent, answer);
  }

  #recordAnswer({ request, sentAt, page }: RequestInFlight, { unconfirmed }: Answer): void {
    const key = keyOf(request);
    const answered = { sentAt, answeredAt: this.#options.clock.monotonic() };
    if (key !== null) this.#answered.keys.set(key, answered);
    if (page !== null) this.#answered.pages.set(page, answered);
    if (request.kind === "person") this.#unconfirmed.delete(request.id);
    for (const id of unconfirmed) {
      const waiting = this.#options.roster.refreshRequests().filter((each) => each.id === id);
      if (waiting.length === 0) continue;
      const waitsUntil = Math.max(...waiting.map((each) => each.waitsUntil));
      const outstanding = Math.min(...waiting.map((each) => each.outstanding));
      const byId = {
        id,
        address: null,
        page: null,
        sentFrom: sentAt,
        calledAt: sentAt,
        waitsUntil,
        outstanding,
      };
      this.#unconfirmed.set(id, byId);
    }
  }

  #forgetOld(now: number): void {
    const { pages, keys } = this.#answered;
    const isOld = ({ sentAt }: AnsweredRequest): boolean => now - sentAt > ANSWER_RETENTION_MS;
    for (const [page, answered] of pages) if (isOld(answered)) pages.delete(page);
    for (const [key, answered] of keys) if (isOld(answered)) keys.delete(key);
  }

  #scheduleReview(untilMs: number): void {
    const { clock } = this.#options;
    this.#cancelTimer?.();
    this.#cancelTimer = Number.isFinite(untilMs)
      ? clock.schedule(Math.ceil(untilMs - clock.monotonic()), () => this.review())
      : null;
  }

  #endOfTurn(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.endOfTurn(resolve));
  }
}
