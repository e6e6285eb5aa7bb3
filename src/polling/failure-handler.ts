import type { Fault } from "../faults/fault.js";
import type { Logger } from "../ports/logger.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { RequestBudget } from "./request-budget.js";
import type { PageRefetcher } from "./page-refetcher.js";
import type { SweepRunner } from "./sweep-runner.js";
import type { PlannedAction } from "./situation.js";
import { classifyFailure, missingScopes, type RequestType } from "./verdict.js";

/** A request the poller makes: a planned one, or the administrator's own record. */
export type PollingRequest = Exclude<PlannedAction, { kind: "wait" }> | { readonly kind: "me" };

export interface FailureHandlerOptions {
  readonly orgId: string;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly logger: Logger;
  readonly grantedScopes: () => readonly string[];
  readonly health: OrganizationHealth;
  readonly sweeps: SweepRunner;
  readonly refetcher: PageRefetcher;
  readonly lookups: LookupScheduler;
}

/** What follows from a failed request: for the problems shown, for the sweep under way and for when to ask again. */
export class FailureHandler {
  readonly #options: FailureHandlerOptions;

  constructor(options: FailureHandlerOptions) {
    this.#options = options;
  }

  /** `askedAt` is a time of `clock.monotonic()`. */
  handle(fault: Fault, action: PollingRequest, sentAt: number, pollIntervalMs: number): void {
    const { budget, grantedScopes, health, lookups, refetcher, roster, sweeps } = this.#options;
    const scopes = grantedScopes();
    const classification = classifyFailure(fault, requestTypeOf(action), scopes);
    const page = action.kind === "page" ? (sweeps.current?.pages ?? 0) + 1 : null;
    this.#log(fault, action, classification.kind);
    switch (classification.kind) {
      case "rateLimited":
        budget.blockUntil(health.recordRateLimit(fault));
        return;
      case "refused":
        sweeps.reset();
        health.recordRefusal(classification.code, fault, missingScopes(scopes), pollIntervalMs);
        return;
      case "nobody":
        if (action.kind === "lookup") {
          roster.applyLookup(action.address, []);
          lookups.recordResult(action.address, 0);
        }
        health.recordResponse(null);
        return;
      case "linkBroken":
        if (action.kind === "again") refetcher.handleBrokenLink(action.page);
        else sweeps.handleBrokenLink(fault);
        return;
      case "calledOff":
        health.backOff();
        return;
      case "tooLarge":
        health.recordFailure("webexError", fault, sentAt, page);
        if (action.kind === "page") sweeps.handlePageFailure(fault, true);
        if (action.kind === "again") refetcher.defer(action.page);
        return;
      case "passing":
        health.recordFailure(classification.code, fault, sentAt, page);
        if (action.kind === "lookup") lookups.recordFailure(action.address);
        if (action.kind === "again") refetcher.defer(action.page);
        if (page !== null && classification.code === "webexError")
          sweeps.handlePageFailure(fault, false);
    }
  }

  #log(fault: Fault, action: PollingRequest, classification: string): void {
    const { logger, orgId } = this.#options;
    const fields = {
      orgId,
      asked: action.kind,
      code: fault.code,
      status: fault.status,
      trackingId: fault.trackingId,
      verdict: classification,
    };
    if (fault.kind === "defect")
      logger.error("Polling met a defect in the worker.", {
        ...fields,
        error: fault.cause ?? fault,
      });
    else if (classification === "nobody" || classification === "calledOff")
      logger.debug("A request to Webex brought nothing.", fields);
    else
      logger.warn(
        "A request to Webex failed; presence may be out of date until one succeeds.",
        fields,
      );
  }
}

function requestTypeOf(action: PollingRequest): RequestType {
  if (action.kind === "again") return action.page === 0 ? "firstPage" : "nextPage";
  if (action.kind !== "page") return action.kind;
  return action.page.kind === "first" ? "firstPage" : "nextPage";
}
