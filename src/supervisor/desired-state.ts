import { grantMismatch, type GrantStatus } from "../authorization/grant-status.js";
import type { GrantStoreState } from "../authorization/grant-store.js";
import type { DesiredFlow } from "../authorization/flow-supervisor.js";
import type { Grant } from "../authorization/grant.js";
import type { Fault } from "../faults/fault.js";
import type { PollingProblem } from "../polling/polling-report.js";
import type { SettingsState } from "../settings/settings-store.js";
import type { HostCheck } from "./host-check.js";
import type { Phase } from "./status.js";

/** What the components say of themselves when the desired state is computed. */
export interface ObservedState {
  readonly isStopping: boolean;
  /** null until the settings file was read, or is known to be missing or unreadable. */
  readonly settings: SettingsState | null;
  readonly host: HostCheck;
  readonly grantStore: GrantStoreState;
  readonly grantStatuses: readonly GrantStatus[];
  readonly organizations: readonly ObservedOrganization[];
  readonly flow: { readonly fault: Fault | null; readonly isDenied: boolean };
  /** Why the dashboard cannot be shown; null if it is, or is switched off. */
  readonly dashboardConflict: PortConflict | null;
  /** The account that the worker runs under: keychains are kept per account. */
  readonly account: string;
  /** The path of the log; null if it goes to stderr only. */
  readonly logFile: string | null;
  readonly secretStore: "keychain" | "memory";
}

export interface PortConflict {
  readonly port: number;
  /** Another program has it, the system has reserved it, or it is the redirect port, too. */
  readonly reason: "used" | "reserved" | "redirectPort";
}

export interface ObservedOrganization {
  readonly orgId: string;
  readonly orgName: string;
  /** False while Webex refuses the organization as a whole and a person has to act. */
  readonly isAccepted: boolean;
  readonly problems: readonly PollingProblem[];
}

export interface DesiredState {
  readonly phase: Phase;
  /**
   * In the order of authorization; null while the keychain was not read: the organizations stay as
   * they are.
   */
  readonly organizations: readonly DesiredOrganization[] | null;
  readonly flow: DesiredFlow;
}

export interface DesiredOrganization {
  readonly grant: Grant;
  readonly isPolling: boolean;
  /**
   * Records of its persons read `blocked`: somebody has to act before Webex can be asked about
   * them.
   */
  readonly isBlocked: boolean;
}

/**
 * What must run, given what is observed. A pure function of the present: no order of events can
 * leave an organization polling in a phase that does not allow it.
 */
export function desiredState(observed: ObservedState): DesiredState {
  const { settings, grantStore } = observed;
  const refused = new Set(
    observed.organizations.filter(({ isAccepted }) => !isAccepted).map(({ orgId }) => orgId),
  );
  const usable = usableOrganizations(observed);
  const isActive = usable !== null && !observed.host.isRejected;
  const polled = isActive ? usable : new Set<string>();
  const phase = desiredPhase(observed, polled, refused);
  const mayPoll = phase === "polling" || phase === "blocked";
  return {
    phase,
    organizations:
      settings === null || grantStore.kind !== "ready"
        ? null
        : grantStore.grants.map((grant) => {
            const isPolling = mayPoll && polled.has(grant.orgId);
            return { grant, isPolling, isBlocked: !isPolling || refused.has(grant.orgId) };
          }),
    flow: desiredFlow(observed, mayPoll),
  };
}

/** Organizations whose grant fits the settings in effect; null while the keychain was not read. */
function usableOrganizations({ settings, grantStore }: ObservedState): ReadonlySet<string> | null {
  if (grantStore.kind === "unread") return null;
  if (grantStore.kind === "unavailable" || settings === null) return new Set();
  const fitting = grantStore.grants.filter(
    (grant) => grantMismatch(grant, settings.settings, grantStore.client) === null,
  );
  return new Set(fitting.map(({ orgId }) => orgId));
}

function desiredPhase(
  { isStopping, settings, host, grantStore }: ObservedState,
  polled: ReadonlySet<string>,
  refused: ReadonlySet<string>,
): Phase {
  if (isStopping) return "stopping";
  if (settings === null) return "starting";
  if (!settings.settings.enable) return "disabled";
  if (host.isRejected) return "blocked";
  if (grantStore.kind === "unread") return "starting";
  return [...polled].some((orgId) => !refused.has(orgId)) ? "polling" : "blocked";
}

function desiredFlow(
  { settings, host, grantStore, grantStatuses }: ObservedState,
  mayPoll: boolean,
): DesiredFlow {
  const method = settings?.settings.authorize ?? "off";
  if (!mayPoll || host.isRejected || method === "off") return { kind: "none" };
  if (grantStore.kind !== "ready") return { kind: "drain" };
  const isGrantMissing =
    grantStatuses.length === 0 || grantStatuses.some(({ fault }) => fault !== null);
  return isGrantMissing ? { kind: "open", method } : { kind: "drain" };
}
