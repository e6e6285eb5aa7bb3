import { asFault, type Fault, faultFields } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { LearnedFacts } from "./learned-facts.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import type { PollingRequest } from "./planner.js";
import type { RefusalCode, TransientCode } from "./polling-report.js";
import type { SweepRunner, SweepRunnerOptions } from "./sweep-runner.js";

const MINUTE_MS = 60_000;
/** Within it, the log repeats a failure of the same cause only at debug. */
const REPEATED_FAILURE_MS = 10 * MINUTE_MS;
const MAX_LOGGED_CAUSES = 20;
/** Weight of the newest request in the average duration. */
const NEWEST_WEIGHT = 1 / 4;
/** The scopes that the authorization requests. */
const REQUIRED_SCOPES = ["spark-admin:people_read", "spark-admin:organizations_read"];

interface RequestExecutorOptions extends SweepRunnerOptions {
  readonly grantedScopes: () => readonly string[];
  readonly pollIntervalMs: () => number;
  readonly health: OrganizationHealth;
  readonly history: RequestHistory;
  readonly lookups: LookupScheduler;
  readonly pageMap: PageMap;
  readonly sweeps: SweepRunner;
}

/** Sends the requests of polling, applies the responses and handles the failures. */
export class RequestExecutor {
  readonly #options: RequestExecutorOptions;
  /** The causes of failures that were logged above debug, and when. */
  readonly #loggedAt = new Map<string, number>();

  constructor(options: RequestExecutorOptions) {
    this.#options = options;
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
        return this.#options.sweeps.fetchPage(request.page, signal);
      case "refetch":
        return this.#refetchPage(request.page, signal);
      case "lookup":
        return this.#lookUpAddress(request.address, signal);
      case "confirm":
        return this.#lookUpAddress(request.address, signal);
      case "person":
        return this.#requestPerson(request.id, signal);
      case "me":
        return this.#options.sweeps.fetchMe(signal);
    }
  }

  async #refetchPage(page: number, signal: AbortSignal): Promise<void> {
    const { clock, health, pageMap, people, roster } = this.#options;
    const reference = pageMap.referenceOf(page);
    if (reference === undefined) return;
    const { items, next } = await people.listPage(reference, signal);
    if (signal.aborted) return;
    const result = roster.applyRefetchedPage(page, items);
    pageMap.recordRefetchedPage(page, next, result, clock.monotonic());
    if (!pageMap.isRefetchable) this.#logSuspension();
    health.recordResponse(null);
  }

  async #lookUpAddress(address: string, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const persons = await people.findByEmail(address, signal);
    if (signal.aborted) return;
    lookups.recordUnconfirmed(roster.applyLookup(address, persons));
    lookups.recordResult(address, persons.length);
    health.recordResponse(null);
  }

  async #requestPerson(id: string, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const person = await people.findById(id, signal);
    if (signal.aborted) return;
    roster.applyPerson(id, person);
    lookups.recordConfirmation(id);
    health.recordResponse(null);
  }

  #handleFailure(fault: Fault, request: PollingRequest, sentAt: number): void {
    const { budget, clock, grantedScopes, health, lookups } = this.#options;
    const { pageMap, pollIntervalMs, sweeps } = this.#options;
    const granted = grantedScopes();
    const missingScopes = REQUIRED_SCOPES.filter((scope) => !granted.includes(scope));
    const failure = classifyFailure(fault, request, missingScopes);
    this.#logFailure(fault, request, failure.kind);
    switch (failure.kind) {
      case "rateLimited":
        budget.blockUntil(health.recordRateLimit(fault));
        return;
      case "refused":
        sweeps.reset();
        health.recordRefusal(failure.code, fault, missingScopes, pollIntervalMs());
        return;
      case "notFound":
        this.#applyNotFound(fault, request);
        health.recordResponse(null);
        return;
      case "brokenLink":
        if (request.kind === "refetch") {
          pageMap.defer(request.page, clock.monotonic());
          pageMap.suspendRefetching(clock.monotonic());
          this.#logSuspension();
        } else sweeps.handleBrokenLink(fault);
        return;
      case "cancelled":
        health.backOff();
        return;
      case "gatewayTimeout":
      case "transient": {
        const page = request.kind === "page" ? (sweeps.current?.pages ?? 0) + 1 : null;
        health.recordFailure(failure.code, fault, sentAt, page);
        if ("address" in request) lookups.recordFailure(request.address);
        if (request.kind === "person") lookups.recordFailure(request.id);
        if (request.kind === "refetch") pageMap.defer(request.page, clock.monotonic());
        if (request.kind === "page" && failure.code === "webexError") {
          sweeps.handlePageFailure(fault, failure.kind === "gatewayTimeout");
        }
      }
    }
  }

  #applyNotFound(fault: Fault, request: PollingRequest): void {
    const { lookups, roster } = this.#options;
    if (request.kind === "lookup" || request.kind === "confirm") {
      lookups.recordUnconfirmed(roster.applyLookup(request.address, []));
      lookups.recordResult(request.address, 0);
    } else if (request.kind === "person" && fault.code === "notFound") {
      roster.applyPerson(request.id, null);
      lookups.recordConfirmation(request.id);
    } else if (request.kind === "person") {
      lookups.recordRejectedId(request.id);
    }
  }

  #logSuspension(): void {
    const { logger, orgId } = this.#options;
    logger.info(
      "Webex does not return the same page for an old link; using full sweeps and lookups for now.",
      { orgId },
    );
  }

  #logFailure(fault: Fault, request: PollingRequest, failure: FailureClassification["kind"]): void {
    const { logger, orgId } = this.#options;
    const fields = { orgId, request: request.kind, failure, ...faultFields(fault) };
    if (failure === "notFound" || failure === "cancelled") {
      logger.debug("A request to Webex had no result.", fields);
      return;
    }
    const isDefect = fault.kind === "defect";
    const cause = isDefect ? String(fault.cause) : fault.message;
    const isRepeated = this.#isRepeated(`${failure} ${fault.code} ${cause}`);
    if (isDefect) {
      const message = "A request to Webex failed because of a defect in the worker.";
      logger[isRepeated ? "debug" : "error"](message, { ...fields, error: fault.cause ?? fault });
    } else {
      const message = "A request to Webex failed; presence may be stale until one succeeds.";
      logger[isRepeated ? "debug" : "warn"](message, fields);
    }
  }

  /** The status shows, and the log says, how long a problem lasts. */
  #isRepeated(failure: string): boolean {
    const now = this.#options.clock.monotonic();
    const loggedAt = this.#loggedAt.get(failure) ?? Number.NEGATIVE_INFINITY;
    if (now - loggedAt < REPEATED_FAILURE_MS) return true;
    this.#loggedAt.delete(failure);
    this.#loggedAt.set(failure, now);
    const [oldest = ""] = this.#loggedAt.keys();
    if (this.#loggedAt.size > MAX_LOGGED_CAUSES) this.#loggedAt.delete(oldest);
    return false;
  }
}

type FailureClassification =
  /**
   * `notFound`: the address or the id has no person or is malformed, or the own record is not
   * accessible. `brokenLink`: Webex no longer accepts its own link to a page. `cancelled`: by the
   * worker, for example because the network route changed.
   */
  | { readonly kind: "rateLimited" | "notFound" | "brokenLink" | "cancelled" }
  /** Webex refuses the organization as a whole until a person acts. */
  | { readonly kind: "refused"; readonly code: RefusalCode }
  /** A retry may succeed; after `gatewayTimeout`, it may need a smaller page. */
  | { readonly kind: "transient" | "gatewayTimeout"; readonly code: TransientCode };

/**
 * Classifies a failure by fault code and HTTP status alone; the code tells a refusal by Webex from
 * a response that is not Webex's own. 403 is a missing scope if the grant
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
      // Webex may deny access to one person who has moved to another organization.
      if (request.kind === "me" || request.kind === "person") return { kind: "notFound" };
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

/** What a request is for. */
type Purpose = "sweep" | "watched" | "unmatched" | "confirmation";

function purposeOf(request: PollingRequest): Purpose {
  if (request.kind === "page") return "sweep";
  if (request.kind === "confirm" || request.kind === "person") return "confirmation";
  return request.kind === "lookup" && request.isUnmatched ? "unmatched" : "watched";
}

/** The recent requests, as far as they affect the plan and the report. */
export class RequestHistory {
  readonly #clock: Clock;
  /** Monotonic milliseconds of the last minute's requests. */
  readonly #sentAt: Record<Purpose, number[]> = {
    sweep: [],
    watched: [],
    unmatched: [],
    confirmation: [],
  };
  /** Moving averages; 0 until a request was answered. */
  readonly #durationMs: { page: number; lookup: number };
  #requestsSinceSweepPage = 0;
  #lastPurpose: Purpose = "unmatched";

  /** `durationMs`: the averages of an earlier process. */
  constructor(clock: Clock, durationMs: LearnedFacts["requestDurationMs"] | null = null) {
    this.#clock = clock;
    this.#durationMs = { page: 0, lookup: 0, ...durationMs };
  }

  get requestDurationMs(): LearnedFacts["requestDurationMs"] {
    return { ...this.#durationMs };
  }

  recordRequest(request: PollingRequest): void {
    if (request.kind === "me") return;
    const purpose = purposeOf(request);
    this.#sentAt[purpose].push(this.#clock.monotonic());
    this.#requestsSinceSweepPage = purpose === "sweep" ? 0 : this.#requestsSinceSweepPage + 1;
    this.#lastPurpose = purpose;
  }

  recordDuration(request: PollingRequest, durationMs: number): void {
    if (request.kind === "me") return;
    const kind = request.kind === "page" || request.kind === "refetch" ? "page" : "lookup";
    const previous = this.#durationMs[kind];
    this.#durationMs[kind] =
      previous === 0 ? durationMs : previous + (durationMs - previous) * NEWEST_WEIGHT;
  }

  /** What planning depends on. */
  plannerInput() {
    return {
      requestDurationMs: this.#durationMs,
      unmatchedLookupsLastMinute: this.#countLastMinute("unmatched"),
      isUnmatchedLookupTurn: this.#lastPurpose !== "unmatched",
      confirmationsLastMinute: this.#countLastMinute("confirmation"),
      isConfirmationTurn: this.#lastPurpose !== "confirmation",
      requestsSinceSweepPage: this.#requestsSinceSweepPage,
    };
  }

  /** What the requests of the last minute were for. */
  get mode(): "sweep" | "lookup" | "mixed" {
    const targeted = (["watched", "unmatched", "confirmation"] as const)
      .map((purpose) => this.#countLastMinute(purpose))
      .some((count) => count > 0);
    if (!targeted) return "sweep";
    return this.#countLastMinute("sweep") === 0 ? "lookup" : "mixed";
  }

  #countLastMinute(purpose: Purpose): number {
    const times = this.#sentAt[purpose];
    const since = this.#clock.monotonic() - MINUTE_MS;
    while (times.length > 0 && (times[0] ?? 0) <= since) times.shift();
    return times.length;
  }
}
