import { effectiveClient } from "../authorization/oauth-context.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import { asFault, type Fault } from "../faults/fault.js";
import { defaultSettings } from "../settings/keys.js";
import type { ObservedState } from "./desired-state.js";
import {
  PROBLEM_SEVERITY,
  problemReport,
  type ProblemCode,
  type ProblemDetail,
  type ProblemReport,
  type ProblemText,
} from "../faults/problem-catalog.js";
import type { Problem } from "./status.js";

/**
 * Everything that keeps presence from being complete and fresh, the most fundamental problems
 * first.
 */
export function detectProblems(observed: ObservedState): ProblemReport[] {
  return [
    ...observed.host.problems,
    ...keychainProblems(observed),
    ...grantProblems(observed),
    ...pollingProblems(observed),
    ...flowProblems(observed),
    ...settingsProblems(observed),
    ...(observed.secretStore === "memory" ? [problemReport("memorySecretStore")] : []),
  ];
}

function keychainProblems({ grantStore }: ObservedState): ProblemReport[] {
  if (grantStore.kind === "unread" || grantStore.fault === null) return [];
  const { fault } = grantStore;
  const code = fault.code === "keychainLocked" ? "keychainLocked" : "keychainUnavailable";
  return [{ code, orgId: null, text: faultText(fault) }];
}

function grantProblems(observed: ObservedState): ProblemReport[] {
  const { grantStore, grantStatuses, account, settings } = observed;
  if (grantStore.kind !== "ready") return [];
  const problems: ProblemReport[] = [];
  try {
    effectiveClient(settings?.settings ?? defaultSettings, grantStore.client);
  } catch (error) {
    problems.push(
      problemReport("clientNotConfigured", null, { account, ...reasonOf(asFault(error)) }),
    );
  }
  if (grantStatuses.length === 0) {
    problems.push(problemReport("authorizationRequired", null, { account }));
  }
  for (const { orgId, orgName: organization, scopes, fault } of grantStatuses) {
    if (fault?.code === "authorizationRequired") {
      const detail = { organization, account, orgId, ...reasonOf(fault) };
      problems.push(problemReport("authorizationRequired", orgId, detail));
    }
    if (fault?.code === "grantRefused") {
      const reason = fault.data.secretRefused === true ? { reason: "clientRejected" } : {};
      const hint = fault.hint === undefined ? {} : { hint: fault.hint };
      const detail = { organization, account, ...responseDetail(fault), ...reason, ...hint };
      problems.push(problemReport("authorizationExpired", orgId, detail));
    }
    const missingScopes =
      scopes === null ? [] : REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
    if (missingScopes.length > 0) {
      problems.push(problemReport("scopeMissing", orgId, { organization, missingScopes }));
    }
  }
  return problems;
}

function pollingProblems({ organizations, account }: ObservedState): ProblemReport[] {
  return organizations.flatMap(({ orgId, orgName, problems }) =>
    problems.map(({ code, detail }) =>
      problemReport(code, orgId, { organization: orgName, account, ...detail }),
    ),
  );
}

function flowProblems({ flow }: ObservedState): ProblemReport[] {
  const problems: ProblemReport[] = [];
  if (flow.isDenied) problems.push(problemReport("authorizationDenied"));
  const { fault } = flow;
  switch (fault?.code) {
    case "redirectPortInUse": {
      const { port } = fault.data;
      problems.push(
        problemReport("redirectPortInUse", null, typeof port === "number" ? { port } : {}),
      );
      break;
    }
    case "webexUnreachable":
    case "webexError":
    case "rateLimited":
      problems.push({ code: fault.code, orgId: null, text: responseText(fault) });
      break;
    default:
  }
  return problems;
}

function settingsProblems({ settings }: ObservedState): ProblemReport[] {
  return (settings?.problems ?? []).map(({ code, message, hint }) => ({
    code,
    orgId: null,
    text: { message, hint },
  }));
}

function reasonOf({ data }: Fault): ProblemDetail {
  return typeof data.reason === "string" ? { reason: data.reason } : {};
}

function responseDetail({ status, trackingId }: Fault): ProblemDetail {
  return {
    ...(status !== undefined && { status }),
    ...(trackingId !== undefined && { trackingId }),
  };
}

/** With the tracking ID, which Cisco's support asks for. */
function responseText(fault: Fault): ProblemText {
  const { message, hint } = faultText(fault);
  const { trackingId } = fault;
  return { message: trackingId ? `${message} Tracking ID: ${trackingId}.` : message, hint };
}

function faultText({ message, hint }: Fault): ProblemText {
  return { message, hint: hint ?? "" };
}

/** Problems of which there can be one for each line of the settings file. */
const LISTED_BY_LINE: ReadonlySet<ProblemCode> = new Set(["settingsInvalid", "settingsUnknown"]);

/** The present problems, each with the time it began. */
export class ProblemList {
  readonly #now: () => number;
  #problems: readonly Problem[] = [];
  #since = new Map<string, string>();

  /** `now`: milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Replaces the list. Returns whether a problem came, went, or reads differently. */
  replace(reports: readonly ProblemReport[]): boolean {
    const since = new Map<string, string>();
    const problems = new Map<string, Problem>();
    for (const { code, orgId, text } of reports) {
      const key = `${code} ${orgId ?? ""} ${LISTED_BY_LINE.has(code) ? text.message : ""}`;
      if (problems.has(key)) continue;
      const began = this.#since.get(key) ?? new Date(this.#now()).toISOString();
      since.set(key, began);
      problems.set(key, { code, severity: PROBLEM_SEVERITY[code], ...text, since: began, orgId });
    }
    const before = JSON.stringify(this.#problems);
    this.#since = since;
    this.#problems = [...problems.values()];
    return JSON.stringify(this.#problems) !== before;
  }
}
