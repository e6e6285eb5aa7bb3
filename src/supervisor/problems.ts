import { effectiveClient } from "../authorization/oauth-context.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import { asFault, type Fault } from "../faults/fault.js";
import { defaultSettings } from "../settings/keys.js";
import type { ObservedState } from "./desired-state.js";
import {
  PROBLEM_SEVERITY,
  problemText,
  type ProblemCode,
  type ProblemDetail,
  type ProblemReport,
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
    ...(observed.secretStore === "memory" ? [report("memorySecretStore")] : []),
  ];
}

function keychainProblems({ grantStore, account }: ObservedState): ProblemReport[] {
  if (grantStore.kind === "unread" || grantStore.fault === null) return [];
  const { fault } = grantStore;
  const code = fault.code === "keychainLocked" ? "keychainLocked" : "keychainUnavailable";
  return [reportFault(code, null, fault, account)];
}

function grantProblems(observed: ObservedState): ProblemReport[] {
  const { grantStore, grantStatuses, account, settings } = observed;
  if (grantStore.kind !== "ready") return [];
  const problems: ProblemReport[] = [];
  try {
    effectiveClient(settings?.settings ?? defaultSettings, grantStore.client);
  } catch (error) {
    problems.push(reportFault("clientNotConfigured", null, asFault(error), account));
  }
  if (grantStatuses.length === 0) {
    problems.push(report("authorizationRequired", null, { account }));
  }
  for (const { orgId, orgName, scopes, fault } of grantStatuses) {
    if (fault?.code === "authorizationRequired") {
      problems.push(reportFault("authorizationRequired", orgId, fault, account));
    }
    if (fault?.code === "grantRefused") {
      // A refused client secret has a remedy of its own; a refused grant is what the catalogue
      // describes.
      const own = fault.data.secretRefused === true ? faultTexts(fault, account) : {};
      const detail = { organization: orgName, ...responseDetail(fault), ...own };
      problems.push(report("authorizationExpired", orgId, detail));
    }
    const missingScopes =
      scopes === null ? [] : REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
    if (missingScopes.length > 0) {
      problems.push(report("scopeMissing", orgId, { organization: orgName, missingScopes }));
    }
  }
  return problems;
}

function pollingProblems({ organizations, account }: ObservedState): ProblemReport[] {
  return organizations.flatMap(({ orgId, orgName, problems }) =>
    problems.map(({ code, detail }) =>
      report(code, orgId, { organization: orgName, account, ...detail }),
    ),
  );
}

function flowProblems({ flow, account }: ObservedState): ProblemReport[] {
  const problems: ProblemReport[] = [];
  if (flow.isDenied) problems.push(report("authorizationDenied"));
  const { fault } = flow;
  switch (fault?.code) {
    case "redirectPortInUse": {
      const { port } = fault.data;
      problems.push(report("redirectPortInUse", null, typeof port === "number" ? { port } : {}));
      break;
    }
    case "webexUnreachable":
    case "webexError":
    case "rateLimited":
      problems.push(reportFault(fault.code, null, fault, account));
      break;
    default:
  }
  return problems;
}

function settingsProblems({ settings }: ObservedState): ProblemReport[] {
  return (settings?.problems ?? []).map(({ code, message, hint }) =>
    report(code, null, { sentence: message, remedy: hint }),
  );
}

function responseDetail({ status, trackingId }: Fault): ProblemDetail {
  return {
    ...(status === undefined ? {} : { status }),
    ...(trackingId === undefined ? {} : { trackingId }),
  };
}

/** The fault's own message and hint, which name the cause more closely than the catalogue can. */
function faultTexts({ message, hint }: Fault, account: string): ProblemDetail {
  const sentence = message.includes(account)
    ? message
    : `${message} The worker runs under the account ${account}.`;
  return { sentence, ...(hint === undefined ? {} : { remedy: hint }) };
}

function reportFault(
  code: ProblemCode,
  orgId: string | null,
  fault: Fault,
  account: string,
): ProblemReport {
  return report(code, orgId, faultTexts(fault, account));
}

function report(
  code: ProblemCode,
  orgId: string | null = null,
  detail: ProblemDetail = {},
): ProblemReport {
  return { code, orgId, detail };
}

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
    for (const { code, orgId, detail } of reports) {
      const text = problemText(code, detail);
      const key = `${code} ${orgId ?? ""} ${code === "settingsInvalid" ? text.message : ""}`;
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
