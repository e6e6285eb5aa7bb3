import { asFault, type Fault } from "../faults/fault.js";
import type { PersonSnapshot } from "../presence/polled-roster.js";
import type { ConcurrencyLimit } from "./concurrency-limit.js";
import type { FailureLog } from "./failure-log.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import type { PollingRequest } from "./planner.js";
import type { RefusalCode, TransientCode } from "./polling-report.js";
import type { RequestHistory } from "./request-history.js";
import { keyOf, type RequestInFlight } from "./requests-in-flight.js";
import { SuspendedMeanwhile } from "./suspension.js";
import type { SweepRunner, SweepRunnerOptions } from "./sweep-runner.js";

/** The scopes that the authorization requests. */
const REQUIRED_SCOPES = ["spark-admin:people_read", "spark-admin:organizations_read"];

interface RequestExecutorOptions extends SweepRunnerOptions {
  readonly grantedScopes: () => readonly string[];
  readonly pollIntervalMs: () => number;
  readonly concurrency: ConcurrencyLimit;
  readonly failureLog: FailureLog;
  readonly health: OrganizationHealth;
  readonly history: RequestHistory;
  readonly lookups: LookupScheduler;
  readonly pageMap: PageMap;
  readonly sweeps: SweepRunner;
}

/**
 * To the failures of pages, a refetched one counts as the first: any page ends its failure, unlike
 * a lookup, and it ends no failure of a later page of the sweep.
 */
const REFETCHED_PAGE = 1;

/** A response of Webex that decided something. */
export interface Answer {
  /** The ids of persons whom a lookup of their address did not find. */
  readonly unconfirmed: readonly string[];
}

const NOBODY_UNCONFIRMED: Answer = { unconfirmed: [] };

/** Sends the requests of polling, applies the responses and handles the failures. */
export class RequestExecutor {
  readonly #options: RequestExecutorOptions;

  constructor(options: RequestExecutorOptions) {
    this.#options = options;
  }

  /**
   * Returns the answer, or null if there was none. Has no effect once the request was aborted, or
   * if the machine was suspended meanwhile. Never rejects.
   */
  async execute(inFlight: RequestInFlight): Promise<Answer | null> {
    const { clock, concurrency, history } = this.#options;
    const { request, sentAt, controller, isOnDemand } = inFlight;
    history.recordRequest(request, isOnDemand);
    try {
      const unconfirmed = await this.#send(request, sentAt, controller.signal);
      if (controller.signal.aborted) return null;
      concurrency.recordAnswer(sentAt);
      history.recordDuration(request, clock.monotonic() - sentAt);
      return { unconfirmed };
    } catch (thrown) {
      if (controller.signal.aborted) return null;
      // As if it had not been sent: it is requested again at once.
      if (thrown instanceof SuspendedMeanwhile) return null;
      return this.#handleFailure(asFault(thrown), request, sentAt);
    }
  }

  /** Resolves to the ids of persons whom a lookup did not find. */
  async #send(
    request: PollingRequest,
    sentAt: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    switch (request.kind) {
      case "lookup":
      case "confirm":
        return this.#lookUpAddress(request.address, sentAt, signal);
      case "page":
        await this.#options.sweeps.fetchPage(request.page, sentAt, signal);
        break;
      case "refetch":
        await this.#refetchPage(request.page, sentAt, signal);
        break;
      case "person":
        await this.#requestPerson(request.id, sentAt, signal);
        break;
      case "me":
        await this.#options.sweeps.fetchMe(sentAt, signal);
    }
    return [];
  }

  async #refetchPage(page: number, sentAt: number, signal: AbortSignal): Promise<void> {
    const { clock, health, pageMap, people, pollIntervalMs, roster, sweeps } = this.#options;
    const reference = pageMap.referenceOf(page);
    if (reference === undefined) return;
    const { generation } = pageMap;
    const { items, next } = await people.listPage(reference, signal);
    if (signal.aborted) return;
    health.recordResponse(REFETCHED_PAGE, sentAt);
    // Meanwhile, pages of another size or a shorter list have taken its place.
    if (pageMap.generation !== generation || page >= pageMap.count) return;
    sweeps.recordRefetchedPage();
    const result = roster.applyRefetchedPage(page, items, sentAt);
    const wasRefetchable = pageMap.isRefetchable;
    const now = clock.monotonic();
    pageMap.recordRefetchedPage(page, next, result, sentAt, now, pollIntervalMs());
    if (wasRefetchable && !pageMap.isRefetchable) this.#logSuspension();
  }

  async #lookUpAddress(
    address: string,
    sentAt: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { health, people } = this.#options;
    const persons = await people.findByEmail(address, signal);
    if (signal.aborted) return [];
    health.recordResponse(null, sentAt);
    return this.#applyLookup(address, persons, sentAt);
  }

  #applyLookup(
    address: string,
    persons: readonly PersonSnapshot[],
    sentAt: number,
  ): readonly string[] {
    const { lookups, roster } = this.#options;
    const unconfirmed = roster.applyLookup(address, persons, sentAt);
    lookups.recordUnconfirmed(unconfirmed);
    lookups.recordResult(address, persons.length);
    return unconfirmed;
  }

  async #requestPerson(id: string, sentAt: number, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const person = await people.findById(id, signal);
    if (signal.aborted) return;
    roster.applyPerson(id, person, sentAt);
    lookups.recordConfirmation(id);
    health.recordResponse(null, sentAt);
  }

  /** Returns the answer if the failure is one. */
  #handleFailure(fault: Fault, request: PollingRequest, sentAt: number): Answer | null {
    const { budget, clock, concurrency, failureLog, grantedScopes, health } = this.#options;
    const { pageMap, pollIntervalMs, sweeps } = this.#options;
    const granted = grantedScopes();
    const missingScopes = REQUIRED_SCOPES.filter((scope) => !granted.includes(scope));
    const failure = classifyFailure(fault, request, missingScopes);
    failureLog.record(fault, request.kind, failure.kind);
    switch (failure.kind) {
      case "rateLimited":
        concurrency.recordRejection(clock.monotonic());
        budget.blockUntil(health.recordRateLimit(fault, sentAt));
        return null;
      case "refused":
        sweeps.reset();
        pageMap.recordRefusal();
        health.recordRefusal(failure.code, fault, missingScopes, pollIntervalMs());
        return null;
      case "notFound":
        concurrency.recordAnswer(sentAt);
        health.recordResponse(null, sentAt);
        return this.#applyNotFound(fault, request, sentAt);
      case "brokenLink":
        this.#handleBrokenLink(fault, request, sentAt);
        return null;
      case "cancelled":
        health.backOff(sentAt, pollIntervalMs());
        return null;
      case "gatewayTimeout":
      case "transient":
        this.#handleTransientFailure(fault, request, failure, sentAt);
        return null;
    }
  }

  #handleBrokenLink(fault: Fault, request: PollingRequest, sentAt: number): void {
    const { clock, health, pageMap, pollIntervalMs, sweeps } = this.#options;
    // A lost role is a 400, too; only that of the first page proves it.
    if (health.isRefused) return;
    if (request.kind === "page") sweeps.handleBrokenLink(request.page, fault, pollIntervalMs());
    if (request.kind !== "refetch") return;
    pageMap.defer(request.page, clock.monotonic());
    const wasRefetchable = pageMap.isRefetchable;
    pageMap.suspendRefetching(sentAt, clock.monotonic(), pollIntervalMs());
    if (wasRefetchable) this.#logSuspension();
  }

  #handleTransientFailure(
    fault: Fault,
    request: PollingRequest,
    failure: { readonly kind: "transient" | "gatewayTimeout"; readonly code: TransientCode },
    sentAt: number,
  ): void {
    const { clock, health, lookups, pageMap, pollIntervalMs, sweeps } = this.#options;
    const sweptPage = request.kind === "page" ? (sweeps.current?.pages ?? 0) + 1 : null;
    const page = request.kind === "refetch" ? REFETCHED_PAGE : sweptPage;
    health.recordFailure(failure.code, fault, sentAt, page, pollIntervalMs());
    const key = keyOf(request);
    if (key !== null) lookups.recordFailure(key, pollIntervalMs());
    if (request.kind === "refetch") pageMap.defer(request.page, clock.monotonic());
    if (request.kind === "page" && failure.code === "webexError") {
      sweeps.handlePageFailure(request.page, fault, failure.kind === "gatewayTimeout");
    }
  }

  #applyNotFound(fault: Fault, request: PollingRequest, sentAt: number): Answer {
    const { lookups, roster } = this.#options;
    if (request.kind === "lookup" || request.kind === "confirm") {
      return { unconfirmed: this.#applyLookup(request.address, [], sentAt) };
    }
    if (request.kind === "person" && fault.code === "notFound") {
      roster.applyPerson(request.id, null, sentAt);
      lookups.recordConfirmation(request.id);
    } else if (request.kind === "person") {
      lookups.recordRejectedId(request.id);
    }
    return NOBODY_UNCONFIRMED;
  }

  #logSuspension(): void {
    const { logger, orgId } = this.#options;
    logger.info(
      "Webex does not return the same page for an old link; using full sweeps and lookups for now.",
      { orgId },
    );
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
