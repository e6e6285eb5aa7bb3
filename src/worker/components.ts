import type { Authorizations } from "../authorization/authorizations.js";
import type { PageNotices } from "../authorization/browser-flow.js";
import type { AuthorizationSettings } from "../authorization/effective-client.js";
import { FlowSupervisor } from "../authorization/flow-supervisor.js";
import { GrantStore } from "../authorization/grant-store.js";
import { RequestBudget } from "../polling/request-budget.js";
import { PresenceDirectory } from "../presence/presence-directory.js";
import { defaultSettings } from "../settings/keys.js";
import { SettingsStore } from "../settings/settings-store.js";
import type { Settings } from "../settings/settings.js";
import { authorizationParts } from "./authorization-parts.js";
import { Network } from "./network.js";
import { createOrganization } from "./organization.js";
import { Organizations } from "./organizations.js";
import type { WorkerPorts } from "./worker-ports.js";

/** The rooms of the house, made and connected to their ports; nothing runs yet. */
export interface Components {
  readonly settingsStore: SettingsStore;
  readonly network: Network;
  readonly vault: GrantStore;
  readonly authorizations: Authorizations;
  readonly flows: FlowSupervisor;
  readonly organizations: Organizations;
  readonly presence: PresenceDirectory;
}

/** `notices`: what the authorization page shows of the worker's problems. */
export function createComponents(ports: WorkerPorts, notices: PageNotices): Components {
  const { clock, random, log, version } = ports;
  const settingsStore = new SettingsStore({
    file: ports.settingsFile,
    clock,
    readIniLine: ports.readIniLine,
    readCertificates: ports.readCertificates,
    logger: log,
  });
  const settings = (): Settings => settingsStore.current?.settings ?? defaultSettings;
  const network = new Network(ports.http, clock);
  const vault = new GrantStore(ports.secretStore, clock, log);
  const presence = new PresenceDirectory(clock, log);
  // Kept when an organization goes and comes back: Webex still counts what was asked before.
  const budgets = new Map<string, RequestBudget>();
  const budgetOf = (orgId: string): RequestBudget => {
    const budget =
      budgets.get(orgId) ?? new RequestBudget(clock, random, settings().requestsPerMinute);
    budgets.set(orgId, budget);
    return budget;
  };
  const { authorizations, tokensOf } = authorizationParts({
    ports,
    grantStore: vault,
    network,
    settings: () => authorizationSettings(settings()),
    notices,
    onAsked: (orgId) => budgetOf(orgId).countUngated(),
  });
  const organizations: Organizations = new Organizations(
    ({ orgId }) =>
      createOrganization({
        orgId,
        apiUrl: settings().apiUrl,
        version,
        tokens: tokensOf(orgId),
        grantedScopes: () => organizations.scopesOf(orgId),
        roster: presence.addOrganization(orgId),
        budget: budgetOf(orgId),
        settings: settings(),
        http: network,
        clock,
        random,
        logger: log,
      }),
    (orgId) => presence.removeOrganization(orgId),
  );
  const flows = new FlowSupervisor(authorizations, clock, log);
  return { settingsStore, network, vault, authorizations, flows, organizations, presence };
}

export function authorizationSettings({
  clientId,
  apiUrl,
  redirectPort,
}: Settings): AuthorizationSettings {
  return { clientId, apiUrl, redirectPort };
}
