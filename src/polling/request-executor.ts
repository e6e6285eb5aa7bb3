import { asFault, type Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PageReference, PeopleApi } from "../webex/people.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageRefetcher } from "./page-map.js";
import type { PlannedAction } from "./planner.js";
import type { RefusalCode, TransientCode } from "./polling-report.js";
import type { RequestBudget } from "./request-budget.js";
import type { SweepRunner } from "./sweep-runner.js";

const MINUTE_MS = 60_000;
/** Weight of the newest request in the average duration. */
const NEWEST_WEIGHT = 1 / 4;
/** The scopes that the authorization requests. */
const REQUIRED_SCOPES = ["spark-admin:people_read", "spark-admin:organizations_read"];

/** A planned request, or one for the administrator's own record (`me`). */
export type PollingRequest = Exclude<PlannedAction, { kind: "wait" }> | { readonly kind: "me" };

export interface RequestExecutorOptions {
  readonly orgId: string;
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly grantedScopes: () => readonly string[];
  readonly pollIntervalMs: () => number;
  readonly health: OrganizationHealth;
  readonly history: RequestHistory;
  readonly lookups: LookupScheduler;
  readonly refetcher: PageRefetcher;
  readonly sweeps: SweepRunner;
}

/** Sends the requests of polling, applies the responses and handles the failures. */
export class RequestExecutor {
  readonly #options: RequestExecutorOptions;
  #isMeDue = false;

  constructor(options: RequestExecutorOptions) {
    this.#options = options;
  }

  /** Whether the administrator's own record is to be requested next. */
  get isMeDue(): boolean {
    return this.#isMeDue;
  }

  reset(): void {
    this.#isMeDue = false;
  }

  /** Has no effect once the signal has fired. Never rejects. */
  async execute(request: PollingRequest, signal: AbortSignal): Promise<void> {
    const { clock, history } = this.#options;
    const sentAt = clock.monotonic();
    history.recordRequest(request);
    try {
      await this.#send(request, signal);
      history.recordDuration(request, clock.monotonic() - sentAt);
    } catch (thrown) {
      if (!signal.aborted) this.#handleFailure(asFault(thrown), request, sentAt);
    }
  }

  #send(request: PollingRequest, signal: AbortSignal): Promise<void> {
    switch (request.kind) {
      case "page":
        return this.#fetchSweepPage(request.page, signal);
      case "refetch":
        return this.#options.refetcher.refetch(request.page, signal);
      case "lookup":
        return this.#lookUpAddress(request.address, signal);
      case "me":
        return this.#fetchMe(signal);
    }
  }

  async #fetchSweepPage(reference: PageReference, signal: AbortSignal): Promise<void> {
    const { sweeps } = this.#options;
    const lacksStatus = await sweeps.fetchPage(reference, signal);
    // An administrator who does not share their status does not receive anybody's. Only their own
    // record tells that from an organization in which nobody has a status.
    if (!signal.aborted && sweeps.current === null) this.#isMeDue = lacksStatus;
  }

  async #lookUpAddress(address: string, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const persons = await people.findByEmail(address, signal);
    if (signal.aborted) return;
    roster.applyLookup(address, persons);
    lookups.recordResult(address, persons.length);
    health.recordResponse(null);
  }

  async #fetchMe(signal: AbortSignal): Promise<void> {
    const { health, people } = this.#options;
    this.#isMeDue = false;
    const me = await people.me(signal);
    if (signal.aborted) return;
    health.recordResponse(null);
    health.recordStatusSharing(me.sharesStatus);
  }

  #handleFailure(fault: Fault, request: PollingRequest, sentAt: number): void {
    const { budget, grantedScopes, health, lookups, refetcher, roster, sweeps } = this.#options;
    const missingScopes = findMissingScopes(grantedScopes());
    const failure = classifyFailure(fault, request, missingScopes);
    const page = request.kind === "page" ? (sweeps.current?.pages ?? 0) + 1 : null;
    this.#logFailure(fault, request, failure.kind);
    switch (failure.kind) {
      case "rateLimited":
        budget.blockUntil(health.recordRateLimit(fault));
        return;
      case "refused":
        sweeps.reset();
        health.recordRefusal(failure.code, fault, missingScopes, this.#options.pollIntervalMs());
        return;
      case "notFound":
        if (request.kind === "lookup") {
          roster.applyLookup(request.address, []);
          lookups.recordResult(request.address, 0);
        }
        health.recordResponse(null);
        return;
      case "brokenLink":
        if (request.kind === "refetch") refetcher.handleBrokenLink(request.page);
        else sweeps.handleBrokenLink(fault);
        return;
      case "cancelled":
        health.backOff();
        return;
      case "gatewayTimeout":
      case "transient":
        health.recordFailure(failure.code, fault, sentAt, page);
        if (request.kind === "lookup") lookups.recordFailure(request.address);
        if (request.kind === "refetch") refetcher.defer(request.page);
        if (request.kind === "page" && failure.code === "webexError") {
          sweeps.handlePageFailure(fault, failure.kind === "gatewayTimeout");
        }
    }
  }

  #logFailure(fault: Fault, request: PollingRequest, failure: FailureClassification["kind"]): void {
    const { logger, orgId } = this.#options;
    const { code, status, trackingId } = fault;
    const fields = { orgId, request: request.kind, failure, code, status, trackingId };
    if (fault.kind === "defect") {
      const error = fault.cause ?? fault;
      logger.error("A request to Webex failed because of a defect in the worker.", {
        ...fields,
        error,
      });
    } else if (failure === "notFound" || failure === "cancelled") {
      logger.debug("A request to Webex had no result.", fields);
    } else {
      logger.warn("A request to Webex failed; presence may be stale until one succeeds.", fields);
    }
  }
}

type FailureClassification =
  | { readonly kind: "rateLimited" }
  /** Webex refuses the organization as a whole until a person acts. */
  | { readonly kind: "refused"; readonly code: RefusalCode }
  /** A retry of the same request may succeed. */
  | { readonly kind: "transient"; readonly code: TransientCode }
  /** A page took a gateway too long; a retry may need a smaller page. */
  | { readonly kind: "gatewayTimeout"; readonly code: TransientCode }
  /** Webex no longer accepts its own link to a page. */
  | { readonly kind: "brokenLink" }
  /** The address has no person, is not an e-mail address, or the own record is not accessible. */
  | { readonly kind: "notFound" }
  /** The worker cancelled the request, for example because the network route changed. */
  | { readonly kind: "cancelled" };

function findMissingScopes(granted: readonly string[]): readonly string[] {
  return REQUIRED_SCOPES.filter((scope) => !granted.includes(scope));
}

/**
 * Classifies a failure by fault code and HTTP status alone. 403 is a missing scope if the grant
 * lacks one, otherwise the role. 400 on the unfiltered list is the role ("Email, displayName, or id
 * list should be specified", recorded from the live service). 401 with a fresh token means that
 * Webex accepts no token of this grant, so a person has to authorize again.
 */
function classifyFailure(
  fault: Fault,
  request: PollingRequest,
  missingScopes: readonly string[],
): FailureClassification {
  const isListPage = request.kind === "page" || request.kind === "refetch";
  const isFirstPage =
    (request.kind === "page" && request.page.kind === "first") ||
    (request.kind === "refetch" && request.page === 0);
  switch (fault.code) {
    case "rateLimited":
    case "cancelled":
      return { kind: fault.code };
    case "forbidden":
      if (request.kind === "me") return { kind: "notFound" };
      return { kind: "refused", code: missingScopes.length > 0 ? "scopeMissing" : "adminRoleLost" };
    case "unauthorized":
    case "grantRefused":
      return { kind: "refused", code: "authorizationExpired" };
    case "authorizationRequired":
    case "clientNotConfigured":
      return { kind: "refused", code: fault.code };
    case "refused":
    case "notFound":
      if (!isListPage) return { kind: "notFound" };
      if (!isFirstPage) return { kind: "brokenLink" };
      if (fault.status === 400) return { kind: "refused", code: "adminRoleLost" };
      return { kind: "transient", code: "webexError" };
    case "webexUnreachable":
    case "keychainLocked":
    case "keychainUnavailable":
      return { kind: "transient", code: fault.code };
    default: {
      const isTimeout = fault.code === "webexError" && [502, 504].includes(fault.status ?? 0);
      const kind = isListPage && isTimeout ? "gatewayTimeout" : "transient";
      return { kind, code: "webexError" };
    }
  }
}

/** The recent requests, as far as they affect the plan and the report. */
export class RequestHistory {
  readonly #clock: Clock;
  /** Monotonic milliseconds of the last minute's requests. */
  readonly #sentAt: Record<"sweep" | "watched" | "unmatched", number[]> = {
    sweep: [],
    watched: [],
    unmatched: [],
  };
  readonly #durationMs = { page: 0, lookup: 0 };
  #requestsSinceSweepPage = 0;
  #isUnmatchedLookupTurn = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  recordRequest(request: PollingRequest): void {
    if (request.kind === "me") return;
    const isUnmatched = request.kind === "lookup" && request.isUnmatched;
    const isSweep = request.kind === "page";
    const purpose = isSweep ? "sweep" : isUnmatched ? "unmatched" : "watched";
    this.#sentAt[purpose].push(this.#clock.monotonic());
    this.#requestsSinceSweepPage = isSweep ? 0 : this.#requestsSinceSweepPage + 1;
    this.#isUnmatchedLookupTurn = !isUnmatched;
  }

  recordDuration(request: PollingRequest, durationMs: number): void {
    if (request.kind === "me") return;
    const kind = request.kind === "lookup" ? "lookup" : "page";
    const previous = this.#durationMs[kind];
    this.#durationMs[kind] =
      previous === 0 ? durationMs : previous + (durationMs - previous) * NEWEST_WEIGHT;
  }

  /** Moving averages; 0 until a request was answered. */
  get durationMs(): { readonly page: number; readonly lookup: number } {
    return this.#durationMs;
  }

  get unmatchedLookupsLastMinute(): number {
    return this.#countLastMinute("unmatched");
  }

  get requestsSinceSweepPage(): number {
    return this.#requestsSinceSweepPage;
  }

  /** Whether the last request was something other than a lookup of an unmatched address. */
  get isUnmatchedLookupTurn(): boolean {
    return this.#isUnmatchedLookupTurn;
  }

  /** What the requests of the last minute were for. */
  get mode(): "sweep" | "lookup" | "mixed" {
    const targeted = this.#countLastMinute("watched") + this.#countLastMinute("unmatched");
    if (targeted === 0) return "sweep";
    return this.#countLastMinute("sweep") === 0 ? "lookup" : "mixed";
  }

  #countLastMinute(purpose: "sweep" | "watched" | "unmatched"): number {
    const times = this.#sentAt[purpose];
    const since = this.#clock.monotonic() - MINUTE_MS;
    while (times.length > 0 && (times[0] ?? 0) <= since) times.shift();
    return times.length;
  }
}
