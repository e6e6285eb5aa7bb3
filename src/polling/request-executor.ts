import { asFault, type Fault, faultFields } from "../faults/fault.js";
import type { ConcurrencyLimit } from "./concurrency-limit.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import type { PollingRequest } from "./planner.js";
import type { RefusalCode, TransientCode } from "./polling-report.js";
import type { RequestHistory } from "./request-history.js";
import { keyOf, type RequestInFlight } from "./requests-in-flight.js";
import type { SweepRunner, SweepRunnerOptions } from "./sweep-runner.js";

const MINUTE_MS = 60_000;
/** Within it, the log repeats a failure of the same cause only at debug. */
const REPEATED_FAILURE_MS = 10 * MINUTE_MS;
const MAX_LOGGED_CAUSES = 20;
/** The scopes that the authorization requests. */
const REQUIRED_SCOPES = ["spark-admin:people_read", "spark-admin:organizations_read"];

interface RequestExecutorOptions extends SweepRunnerOptions {
  readonly grantedScopes: () => readonly string[];
  readonly pollIntervalMs: () => number;
  readonly concurrency: ConcurrencyLimit;
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

  /** Has no effect once the request was aborted. Never rejects. */
  async execute(inFlight: RequestInFlight): Promise<void> {
    const { clock, concurrency, history } = this.#options;
    const { request, sentAt, controller } = inFlight;
    history.recordRequest(request);
    try {
      await this.#send(request, sentAt, controller.signal);
      if (controller.signal.aborted) return;
      concurrency.recordAnswer(sentAt);
      history.recordDuration(request, clock.monotonic() - sentAt);
    } catch (thrown) {
      if (!controller.signal.aborted) this.#handleFailure(asFault(thrown), request, sentAt);
    }
  }

  #send(request: PollingRequest, sentAt: number, signal: AbortSignal): Promise<void> {
    switch (request.kind) {
      case "page":
        return this.#options.sweeps.fetchPage(request.page, sentAt, signal);
      case "refetch":
        return this.#refetchPage(request.page, sentAt, signal);
      case "lookup":
        return this.#lookUpAddress(request.address, sentAt, signal);
      case "confirm":
        return this.#lookUpAddress(request.address, sentAt, signal);
      case "person":
        return this.#requestPerson(request.id, sentAt, signal);
      case "me":
        return this.#options.sweeps.fetchMe(sentAt, signal);
    }
  }

  async #refetchPage(page: number, sentAt: number, signal: AbortSignal): Promise<void> {
    const { clock, health, pageMap, people, roster } = this.#options;
    const reference = pageMap.referenceOf(page);
    if (reference === undefined) return;
    const { generation } = pageMap;
    const { items, next } = await people.listPage(reference, signal);
    if (signal.aborted) return;
    health.recordResponse(null, sentAt);
    // Meanwhile, pages of another size or a shorter list have taken its place.
    if (pageMap.generation !== generation || page >= pageMap.count) return;
    const result = roster.applyRefetchedPage(page, items, sentAt);
    const wasRefetchable = pageMap.isRefetchable;
    pageMap.recordRefetchedPage(page, next, result, sentAt, clock.monotonic());
    if (wasRefetchable && !pageMap.isRefetchable) this.#logSuspension();
  }

  async #lookUpAddress(address: string, sentAt: number, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const persons = await people.findByEmail(address, signal);
    if (signal.aborted) return;
    lookups.recordUnconfirmed(roster.applyLookup(address, persons, sentAt));
    lookups.recordResult(address, persons.length);
    health.recordResponse(null, sentAt);
  }

  async #requestPerson(id: string, sentAt: number, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const person = await people.findById(id, signal);
    if (signal.aborted) return;
    roster.applyPerson(id, person, sentAt);
    lookups.recordConfirmation(id);
    health.recordResponse(null, sentAt);
  }

  #handleFailure(fault: Fault, request: PollingRequest, sentAt: number): void {
    const { budget, clock, concurrency, grantedScopes, health } = this.#options;
    const { pollIntervalMs, sweeps } = this.#options;
    const granted = grantedScopes();
    const missingScopes = REQUIRED_SCOPES.filter((scope) => !granted.includes(scope));
    const failure = classifyFailure(fault, request, missingScopes);
    this.#logFailure(fault, request, failure.kind);
    switch (failure.kind) {
      case "rateLimited":
        concurrency.recordRejection(clock.monotonic());
        budget.blockUntil(health.recordRateLimit(fault, sentAt));
        return;
      case "refused":
        sweeps.reset();
        health.recordRefusal(failure.code, fault, missingScopes, pollIntervalMs());
        return;
      case "notFound":
        this.#applyNotFound(fault, request, sentAt);
        concurrency.recordAnswer(sentAt);
        health.recordResponse(null, sentAt);
        return;
      case "brokenLink":
        this.#handleBrokenLink(fault, request);
        return;
      case "cancelled":
        health.backOff(sentAt);
        return;
      case "gatewayTimeout":
      case "transient":
        this.#handleTransientFailure(fault, request, failure, sentAt);
    }
  }

  #handleBrokenLink(fault: Fault, request: PollingRequest): void {
    const { clock, pageMap, sweeps } = this.#options;
    if (request.kind === "page") sweeps.handleBrokenLink(request.page, fault);
    if (request.kind !== "refetch") return;
    pageMap.defer(request.page, clock.monotonic());
    const wasRefetchable = pageMap.isRefetchable;
    pageMap.suspendRefetching(clock.monotonic());
    if (wasRefetchable) this.#logSuspension();
  }

  #handleTransientFailure(
    fault: Fault,
    request: PollingRequest,
    failure: { readonly kind: "transient" | "gatewayTimeout"; readonly code: TransientCode },
    sentAt: number,
  ): void {
    const { clock, health, lookups, pageMap, sweeps } = this.#options;
    const page = request.kind === "page" ? (sweeps.current?.pages ?? 0) + 1 : null;
    health.recordFailure(failure.code, fault, sentAt, page);
    const key = keyOf(request);
    if (key !== null) lookups.recordFailure(key);
    if (request.kind === "refetch") pageMap.defer(request.page, clock.monotonic());
    if (request.kind === "page" && failure.code === "webexError") {
      sweeps.handlePageFailure(request.page, fault, failure.kind === "gatewayTimeout");
    }
  }

  #applyNotFound(fault: Fault, request: PollingRequest, sentAt: number): void {
    const { lookups, roster } = this.#options;
    if (request.kind === "lookup" || request.kind === "confirm") {
      lookups.recordUnconfirmed(roster.applyLookup(request.address, [], sentAt));
      lookups.recordResult(request.address, 0);
    } else if (request.kind === "person" && fault.code === "notFound") {
      roster.applyPerson(request.id, null, sentAt);
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
