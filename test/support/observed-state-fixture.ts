import { grantMismatch } from "../../src/authorization/grant-status.js";
import type { GrantStoreState } from "../../src/authorization/grant-store.js";
import { Fault } from "../../src/faults/fault.js";
import { defaultSettings, type Settings } from "../../src/settings/keys.js";
import type { ObservedState } from "../../src/supervisor/desired-state.js";
import { UNKNOWN_HOST } from "../../src/supervisor/host-check.js";
import { client, grantOf } from "./authorization-fixture.js";

/** What decides the phase, in short. */
export interface ObservedFacts {
  readonly isStopping?: boolean;
  /** null: the settings are not read yet. */
  readonly enable: boolean | null;
  readonly settings?: Partial<Settings>;
  readonly isHostRejected?: boolean;
  /** The ids of the organizations with a grant. */
  readonly grants: readonly string[] | "unread" | "unavailable";
  /** Of these, the ones whose grant was given to another client. */
  readonly mismatched?: readonly string[];
  /** Organizations that Webex refuses as a whole. */
  readonly refused?: readonly string[];
}

export function observedState(facts: ObservedFacts): ObservedState {
  const { enable, grants, refused = [], mismatched = [] } = facts;
  const settings = { ...defaultSettings, ...facts.settings, enable: enable === true };
  const stored = Array.isArray(grants)
    ? (grants as string[]).map((orgId) =>
        grantOf(orgId, orgId, 0, mismatched.includes(orgId) ? { clientId: "another" } : {}),
      )
    : [];
  return {
    isStopping: facts.isStopping ?? false,
    settings:
      enable === null ? null : { settings, certificates: null, loadedAt: null, problems: [] },
    host: { ...UNKNOWN_HOST, isRejected: facts.isHostRejected ?? false },
    grantStore: grantStoreState(grants, stored),
    grantStatuses: stored.map((grant) => ({
      orgId: grant.orgId,
      orgName: grant.orgName,
      scopes: grant.scopes,
      fault: refused.includes(grant.orgId)
        ? new Fault("grantRefused", "Webex refuses the grant.")
        : grantMismatch(grant, settings, client),
    })),
    organizations: stored.map(({ orgId, orgName }) => ({
      orgId,
      orgName,
      isAccepted: !refused.includes(orgId),
      problems: [],
    })),
    flow: { fault: null, isDenied: false },
    dashboardConflict: null,
    account: "svc",
    logFile: "/log/worker.log",
    secretStore: "keychain",
  };
}

function grantStoreState(
  grants: ObservedFacts["grants"],
  stored: readonly ReturnType<typeof grantOf>[],
): GrantStoreState {
  if (grants === "unread") return { kind: "unread", fault: null };
  if (grants === "unavailable") {
    return { kind: "unavailable", fault: new Fault("keychainLocked", "The keychain is locked.") };
  }
  const nothingUnreadable = { unreadableOrgIds: [], unreadableAccounts: [] };
  return {
    kind: "ready",
    fault: null,
    client,
    grants: stored,
    proxyPassword: null,
    ...nothingUnreadable,
  };
}
