import { effectiveClient } from "../authorization/oauth-context.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import { asFault, type Fault } from "../faults/fault.js";
import type { ObservedState } from "./desired-state.js";
import {
  problemReport,
  type ProblemDetail,
  type ProblemReport,
  type ProblemText,
} from "../faults/problem-catalog.js";

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
    ...dashboardProblems(observed),
    ...settingsProblems(observed),
    ...(observed.secretStore === "memory" ? [problemReport("memorySecretStore")] : []),
  ];
}

function keychainProblems({ grantStore }: ObservedState): ProblemReport[] {
  if (grantStore.kind === "unread" || grantStore.fault === null) return [];
  const { fault } = grantStore;
  const code = fault.code === "keychainLocked" ? "keychainLocked" : "keychainUnavailable";
  return [{ code, orgId: null, text: faultText(fault), cause: fault.message }];
}

function grantProblems(observed: ObservedState): ProblemReport[] {
  const { grantStore, grantStatuses, account, logFile, settings } = observed;
  // With the defaults in their place, grants for another client or ApiUrl would not fit.
  if (grantStore.kind !== "ready" || settings === null) return [];
  const problems: ProblemReport[] = [];
  const logged = logFile === null ? {} : { logFile };
  try {
    effectiveClient(settings.settings, grantStore.client);
  } catch (error) {
    problems.push(
      problemReport("clientNotConfigured", null, { account, ...reasonOf(asFault(error)) }),
    );
  }
  if (grantStatuses.length === 0) {
    problems.push(problemReport("authorizationRequired", null, { account, ...logged }));
  }
  for (const { orgId, orgName: organization, scopes, fault } of grantStatuses) {
    if (fault?.code === "authorizationRequired") {
      const detail = { organization, account, orgId, ...logged, ...reasonOf(fault) };
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
      problems.push({
        code: fault.code,
        orgId: null,
        text: responseText(fault),
        cause: fault.message,
      });
      break;
    default:
  }
  return problems;
}

function dashboardProblems({ dashboardConflict }: ObservedState): ProblemReport[] {
  if (dashboardConflict === null) return [];
  return [problemReport("dashboardPortInUse", null, dashboardConflict)];
}

function settingsProblems({ settings }: ObservedState): ProblemReport[] {
  return (settings?.problems ?? []).map(({ code, message, hint }) => ({
    code,
    orgId: null,
    text: { message, hint },
    cause: message,
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
