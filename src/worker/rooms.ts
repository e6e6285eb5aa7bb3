import type { Authorizations } from "../authorization/authorizations.js";
import type { NoticeBoard } from "../authorization/browser-flow.js";
import type { AuthorizationSettings } from "../authorization/effective-client.js";
import { FlowKeeper } from "../authorization/flow-keeper.js";
import { GrantVault } from "../authorization/vault.js";
import { RequestBudget } from "../polling/request-budget.js";
import { PresenceDirectory } from "../presence/presence-directory.js";
import { defaultSettings } from "../settings/keys.js";
import { SettingsFeed } from "../settings/settings-feed.js";
import type { Settings } from "../settings/settings.js";
import { authorizationParts } from "./authorization-parts.js";
import { Network } from "./network.js";
import { makeOrganization } from "./organization.js";
import { Organizations } from "./organizations.js";
import type { WorkerPorts } from "./worker-ports.js";

/** The rooms of the house, made and connected to their ports; nothing runs yet. */
export interface Rooms {
  readonly settingsFeed: SettingsFeed;
  readonly network: Network;
  readonly vault: GrantVault;
  readonly authorizations: Authorizations;
  readonly flows: FlowKeeper;
  readonly organizations: Organizations;
  readonly presence: PresenceDirectory;
}

/** `notices`: what the authorization page shows of the worker's problems. */
export function makeRooms(ports: WorkerPorts, notices: NoticeBoard): Rooms {
  const { clock, chance, log, version } = ports;
  const settingsFeed = new SettingsFeed({
    file: ports.settingsFile,
    clock,
    readIniLine: ports.readIniLine,
    readCertificates: ports.readCertificates,
    logger: log,
  });
  const settings = (): Settings => settingsFeed.current?.settings ?? defaultSettings;
  const network = new Network(ports.http, clock);
  const vault = new GrantVault(ports.secretStore, clock, log);
  const presence = new PresenceDirectory(clock, log);
  // Kept when an organization goes and comes back: Webex still counts what was asked before.
  const budgets = new Map<string, RequestBudget>();
  const budgetOf = (orgId: string): RequestBudget => {
    const budget = budgets.get(orgId) ?? new RequestBudget(clock, chance, settings().requestsPerMinute);
    budgets.set(orgId, budget);
    return budget;
  };
  const { authorizations, tokensOf } = authorizationParts({
    ports,
    vault,
    network,
    settings: () => authorizationSettings(settings()),
    notices,
    onAsked: (orgId) => budgetOf(orgId).countPast(),
  });
  const organizations: Organizations = new Organizations(
    ({ orgId }) =>
      makeOrganization({
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
        chance,
        logger: log,
      }),
    (orgId) => presence.removeOrganization(orgId),
  );
  const flows = new FlowKeeper(authorizations, clock, log);
  return { settingsFeed, network, vault, authorizations, flows, organizations, presence };
}

export function authorizationSettings({ clientId, apiUrl, redirectPort }: Settings): AuthorizationSettings {
  return { clientId, apiUrl, redirectPort };
}
