import type { FlowSupervisor } from "../authorization/flow-supervisor.js";
import type { GrantStatus } from "../authorization/authorizations.js";
import { effectiveClient, type AuthorizationSettings } from "../authorization/effective-client.js";
import { REQUIRED_SCOPES } from "../authorization/grant.js";
import type { GrantStoreState } from "../authorization/vault-state.js";
import { asFault, type Fault } from "../faults/fault.js";
import type { SettingsState } from "../settings/settings-store.js";
import type { HostCheck } from "../supervisor/host-gate.js";
import type { ProblemReport } from "../supervisor/problem-list.js";
import type { ProblemCode } from "../supervisor/problem-catalog.js";
import type { Organizations } from "./organizations.js";

export interface ProblemSources {
  readonly account: string;
  readonly settings: SettingsState | null;
  readonly authorizationSettings: AuthorizationSettings;
  readonly gate: HostCheck;
  readonly vault: GrantStoreState;
  readonly standings: readonly GrantStatus[];
  readonly memoryStore: boolean;
  readonly flow: Pick<FlowSupervisor, "fault" | "denied">;
  readonly organizations: Organizations;
}

/** Everything that keeps presence from being what it should be, as its places know it; the worst come first. */
export function collectProblems(sources: ProblemSources): ProblemReport[] {
  return [
    ...sources.gate.problems,
    ...vaultProblems(sources),
    ...organizationProblems(sources),
    ...flowProblems(sources),
    ...settingsProblems(sources),
    ...(sources.memoryStore ? [report("memorySecretStore")] : []),
  ];
}

function vaultProblems({
  vault,
  standings,
  account,
  authorizationSettings,
}: ProblemSources): ProblemReport[] {
  const problems: ProblemReport[] = [];
  if (vault.kind !== "unread" && vault.fault !== null)
    problems.push(keychainProblem(vault.fault, account));
  if (vault.kind !== "ready") return problems;
  try {
    effectiveClient(authorizationSettings, vault.client);
  } catch (error) {
    problems.push(spoken("clientNotConfigured", null, asFault(error), account));
  }
  if (standings.length === 0) problems.push(report("authorizationRequired", null, { account }));
  for (const { orgId, orgName, scopes, fault } of standings) {
    if (fault?.code === "authorizationRequired")
      problems.push(spoken("authorizationRequired", orgId, fault, account));
    if (fault?.code === "grantRefused") {
      const own =
        fault.data.secretRefused === true
          ? spoken("authorizationExpired", orgId, fault, account).detail
          : {};
      problems.push(
        report("authorizationExpired", orgId, {
          organization: orgName,
          ...answerOf(fault),
          ...own,
        }),
      );
    }
    const missingScopes =
      scopes === null ? [] : REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
    if (missingScopes.length > 0)
      problems.push(report("scopeMissing", orgId, { organization: orgName, missingScopes }));
  }
  return problems;
}

function answerOf({ status, trackingId }: Fault): ProblemReport["detail"] {
  return {
    ...(status === undefined ? {} : { status }),
    ...(trackingId === undefined ? {} : { trackingId }),
  };
}

function organizationProblems({ organizations, account }: ProblemSources): ProblemReport[] {
  return organizations.all.flatMap(({ orgId, poller }) =>
    poller.problems.map(({ code, detail }) =>
      report(code, orgId, { organization: organizations.nameOf(orgId), account, ...detail }),
    ),
  );
}

function flowProblems({ flow, account }: ProblemSources): ProblemReport[] {
  const problems: ProblemReport[] = [];
  if (flow.denied) problems.push(report("authorizationDenied"));
  if (flow.fault?.code === "redirectPortInUse") {
    const { port } = flow.fault.data;
    problems.push(report("redirectPortInUse", null, typeof port === "number" ? { port } : {}));
  } else if (
    flow.fault?.code === "webexUnreachable" ||
    flow.fault?.code === "webexError" ||
    flow.fault?.code === "rateLimited"
  ) {
    problems.push(spoken(flow.fault.code, null, flow.fault, account));
  }
  return problems;
}

function settingsProblems({ settings }: ProblemSources): ProblemReport[] {
  return (settings?.problems ?? []).map(({ code, message, hint }) =>
    report(code, null, { sentence: message, remedy: hint }),
  );
}

function keychainProblem(fault: Fault, account: string): ProblemReport {
  return spoken(
    fault.code === "keychainLocked" ? "keychainLocked" : "keychainUnavailable",
    null,
    fault,
    account,
  );
}

/** The place that saw it speaks for itself. */
function spoken(
  code: ProblemCode,
  orgId: string | null,
  fault: Fault,
  account: string,
): ProblemReport {
  const sentence = fault.message.includes(account)
    ? fault.message
    : `${fault.message} The worker runs under the account ${account}.`;
  return report(code, orgId, {
    sentence,
    ...(fault.hint === undefined ? {} : { remedy: fault.hint }),
  });
}

function report(
  code: ProblemCode,
  orgId: string | null = null,
  detail: ProblemReport["detail"] = {},
): ProblemReport {
  return { code, orgId, detail };
}
