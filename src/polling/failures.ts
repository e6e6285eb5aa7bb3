import type { Fault } from "../faults/fault.js";
import type { Logger } from "../ports/logger.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { Lookups } from "./lookups.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { RequestBudget } from "./request-budget.js";
import type { Rereads } from "./rereads.js";
import type { RosterSweeps } from "./roster-sweeps.js";
import type { PlannedAction } from "./situation.js";
import { judge, missingScopes, type Question } from "./verdict.js";

/** A request the poller makes: a planned one, or the administrator's own record. */
export type RequestedAction = Exclude<PlannedAction, { kind: "wait" }> | { readonly kind: "me" };

export interface FailuresParts {
  readonly orgId: string;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly logger: Logger;
  readonly grantedScopes: () => readonly string[];
  readonly health: OrganizationHealth;
  readonly sweeps: RosterSweeps;
  readonly rereads: Rereads;
  readonly lookups: Lookups;
}

/** What follows from a failed request: for the problems shown, for the sweep under way and for when to ask again. */
export class Failures {
  readonly #parts: FailuresParts;

  constructor(parts: FailuresParts) {
    this.#parts = parts;
  }

  /** `askedAt` is a time of `clock.monotonic()`. */
  take(fault: Fault, action: RequestedAction, askedAt: number, pollIntervalMs: number): void {
    const { budget, grantedScopes, health, lookups, rereads, roster, sweeps } = this.#parts;
    const scopes = grantedScopes();
    const verdict = judge(fault, question(action), scopes);
    const page = action.kind === "page" ? (sweeps.current?.pages ?? 0) + 1 : null;
    this.#log(fault, action, verdict.kind);
    switch (verdict.kind) {
      case "rateLimited":
        budget.blockUntil(health.rateLimited(fault));
        return;
      case "refused":
        sweeps.abandon();
        health.refusedBy(verdict.code, fault, missingScopes(scopes), pollIntervalMs);
        return;
      case "nobody":
        if (action.kind === "lookup") {
          roster.applyLookup(action.address, []);
          lookups.found(action.address, 0);
        }
        health.answered(null);
        return;
      case "linkBroken":
        if (action.kind === "again") rereads.linkBroken(action.page);
        else sweeps.linkBroken(fault);
        return;
      case "calledOff":
        health.tryLater();
        return;
      case "tooLarge":
        health.failed("webexError", fault, askedAt, page);
        if (action.kind === "page") sweeps.pageFailed(fault, true);
        if (action.kind === "again") rereads.failed(action.page);
        return;
      case "passing":
        health.failed(verdict.code, fault, askedAt, page);
        if (action.kind === "lookup") lookups.failed(action.address);
        if (action.kind === "again") rereads.failed(action.page);
        if (page !== null && verdict.code === "webexError") sweeps.pageFailed(fault, false);
    }
  }

  #log(fault: Fault, action: RequestedAction, verdict: string): void {
    const { logger, orgId } = this.#parts;
    const fields = { orgId, asked: action.kind, code: fault.code, status: fault.status, trackingId: fault.trackingId, verdict };
    if (fault.kind === "defect") logger.error("Polling met a defect in the worker.", { ...fields, error: fault.cause ?? fault });
    else if (verdict === "nobody" || verdict === "calledOff") logger.debug("A request to Webex brought nothing.", fields);
    else logger.warn("A request to Webex failed; presence may be out of date until one succeeds.", fields);
  }
}

function question(action: RequestedAction): Question {
  if (action.kind === "again") return action.page === 0 ? "firstPage" : "nextPage";
  if (action.kind !== "page") return action.kind;
  return action.page.kind === "first" ? "firstPage" : "nextPage";
}
