import { Authorizations } from "../authorization/authorizations.js";
import { BrowserFlow } from "../authorization/browser-flow.js";
import { DeviceFlow } from "../authorization/device-flow.js";
import { FlowSupervisor } from "../authorization/flow-supervisor.js";
import { GrantRefusals } from "../authorization/grant-status.js";
import { GrantStore } from "../authorization/grant-store.js";
import { type AuthorizationSettings, originOf } from "../authorization/oauth-context.js";
import type { PageNotices } from "../authorization/page/page-model.js";
import { RenewalAnnouncements } from "../authorization/renewal-announcements.js";
import { RenewalPacing } from "../authorization/renewal-pacing.js";
import { OrganizationTokenSource } from "../authorization/token-source.js";
import { Dashboard } from "../dashboard/dashboard.js";
import type { DashboardServices } from "../dashboard/dashboard-services.js";
import type { Fault } from "../faults/fault.js";
import { OrganizationPoller } from "../polling/organization-poller.js";
import { RequestBudget, type RequestPriority } from "../polling/request-budget.js";
import type { ReadAddresses, ReadCertificates, Http, HttpFactory } from "../ports/http.js";
import type { Channel } from "../ports/channel.js";
import type { Clock, Crypto, Random } from "../ports/clock.js";
import type { Logger, LogLevel } from "../ports/logger.js";
import type { ListenOnLoopback, ReadAsset } from "../ports/loopback-server.js";
import type { FormatMetrics } from "../ports/metrics.js";
import type {
  LearnedFile,
  PollRequestFile,
  ProcessPort,
  ReadProcessUsage,
  ReplacedFile,
  TemporaryFile,
} from "../ports/process.js";
import type { SecretStore } from "../ports/secret-store.js";
import type { ReadIniLine, SettingsFile } from "../ports/settings-file.js";
import { PresenceDirectory } from "../presence/presence-directory.js";
import type { Settings } from "../settings/keys.js";
import { SettingsStore } from "../settings/settings-store.js";
import { createIdentityApi } from "../webex/identity.js";
import { createOAuthApi } from "../webex/oauth.js";
import { createPeopleApi, type PeopleApi } from "../webex/people.js";
import { RestClient } from "../webex/rest.js";
import { LearnedFactsStore } from "./learned-facts-store.js";
import { Network } from "./network.js";
import { Organization, Organizations } from "./organizations.js";

/** Everything outside that the worker needs. */
export interface WorkerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Logger & {
    setLevel(level: LogLevel): void;
    close(deadlineMs: number): Promise<void>;
  };
  /** The path of the log; null if it goes to stderr only. */
  readonly logFile: string | null;
  readonly process: ProcessPort;
  readonly channel: Channel;
  readonly settingsFile: SettingsFile;
  readonly readIniLine: ReadIniLine;
  readonly readCertificates: ReadCertificates;
  readonly secretStore: SecretStore;
  readonly http: HttpFactory;
  readonly readAddresses: ReadAddresses;
  readonly statusFile: ReplacedFile;
  readonly learnedFile: LearnedFile;
  readonly pollRequestFile: PollRequestFile;
  readonly dashboardFile: TemporaryFile;
  readonly formatMetrics: FormatMetrics;
  readonly readProcessUsage: ReadProcessUsage;
  readonly openRpc: () => Promise<unknown>;
  readonly version: string;
  readonly listenOnLoopback: ListenOnLoopback;
  readonly readAsset: ReadAsset;
}

export interface Components {
  readonly settingsStore: SettingsStore;
  readonly network: Network;
  readonly grantStore: GrantStore;
  readonly authorizations: Authorizations;
  readonly flows: FlowSupervisor;
  readonly organizations: Organizations;
  readonly presence: PresenceDirectory;
  readonly learnedFacts: LearnedFactsStore;
}

/**
 * Creates the components and connects them to their ports; nothing runs yet. `notices` are shown on
 * the authorization page.
 */
export function createComponents(
  ports: WorkerPorts,
  notices: PageNotices,
  settingsLoaded: Promise<void>,
): Components {
  const { clock, random, log: logger, version, readIniLine, readCertificates } = ports;
  const settingsStore = new SettingsStore({
    file: ports.settingsFile,
    clock,
    readIniLine,
    readCertificates,
    logger,
  });
  const settings = (): Settings => settingsStore.settings;
  const network = new Network(ports.http, clock);
  const grantStore = new GrantStore(ports.secretStore, clock, logger);
  const presence = new PresenceDirectory(clock, logger);
  const learnedFacts = new LearnedFactsStore({
    ...{ file: ports.learnedFile, clock, logger },
    grantedOrgIds: () => {
      const { content } = grantStore;
      if (content === null) return null;
      return new Set([...content.grants.map(({ orgId }) => orgId), ...content.unreadableOrgIds]);
    },
    areGrantsKept: grantStore.kind === "keychain",
    requestsPerMinute: () => settings().requestsPerMinute,
  });
  // Kept when an organization goes and comes back: Webex still counts its earlier requests.
  const budgets = new Map<string, RequestBudget>();
  const budgetOf = (orgId: string): RequestBudget => {
    const apiOrigin = originOf(settings().apiUrl);
    const key = `${apiOrigin} ${orgId}`;
    const { requestsPerMinute } = settings();
    const learned = learnedFacts.recall(orgId, apiOrigin);
    const budget =
      budgets.get(key) ??
      new RequestBudget(clock, random, requestsPerMinute, learned?.requestsPerMinute ?? null, {
        acceptedPerMinute: learned?.acceptedPerMinute ?? null,
        isMinuteFree: learned === null || learnedFacts.isMinuteFree(),
        pause: learned?.rateLimitPause ?? null,
      });
    budgets.set(key, budget);
    return budget;
  };
  const { authorizations, createTokenSource } = createAuthorization({
    ports,
    grantStore,
    http: network,
    settings,
    settingsLoaded,
    onRequest: (orgId) => budgetOf(orgId).countUngated(),
    retryOrganization: (orgId) => {
      if (organizations.get(orgId) !== undefined) organizations.pollNow(orgId);
    },
    notices,
  });
  const organizations: Organizations = new Organizations(
    (orgId) => {
      const onSilence = (fault: Fault): void => poller.reportSilence(fault);
      const tokens = createTokenSource(orgId, onSilence);
      const budget = budgetOf(orgId);
      const apiOrigin = originOf(settings().apiUrl);
      const options = {
        ...{ apiUrl: settings().apiUrl, version, http: network, clock, onSilence },
        storedSecrets: () => grantStore.secrets(),
      };
      const peopleWith = (priority: RequestPriority): PeopleApi =>
        createPeopleApi(new RestClient(options, tokens, budget.limiter(priority)), orgId);
      const poller: OrganizationPoller = new OrganizationPoller({
        orgId,
        people: peopleWith("background"),
        onDemandPeople: peopleWith("onDemand"),
        roster: presence.addOrganization(orgId),
        budget,
        clock,
        random,
        logger,
        learned: learnedFacts.recall(orgId, apiOrigin),
        grantedScopes: () => organizations.grantedScopes(orgId),
      });
      poller.apply(settings());
      learnedFacts.follow(orgId, apiOrigin, () => poller.learned());
      poller.events.on("stateChanged", () => learnedFacts.review(orgId));
      return new Organization(orgId, poller, tokens);
    },
    (orgId) => {
      learnedFacts.unfollow(orgId);
      presence.removeOrganization(orgId);
    },
  );
  const flows = new FlowSupervisor(authorizations, clock, logger);
  return {
    ...{ settingsStore, network, grantStore, authorizations, flows, organizations, presence },
    learnedFacts,
  };
}

/** The dashboard; `services` are read through the reconcile loop, so that they are current. */
export function createDashboard(
  ports: WorkerPorts,
  { presence, authorizations: authorization }: Components,
  services: Pick<DashboardServices, "status" | "poll">,
): Dashboard {
  const { clock, crypto, log: logger, readAsset, formatMetrics } = ports;
  return new Dashboard({
    ...{ clock, crypto, logger, readAsset, formatMetrics },
    services: { ...services, presence, authorization },
    listen: ports.listenOnLoopback,
    readUsage: ports.readProcessUsage,
    file: ports.dashboardFile,
    pid: ports.process.pid,
  });
}

export interface AuthorizationOptions {
  readonly ports: Pick<
    WorkerPorts,
    | "clock"
    | "random"
    | "crypto"
    | "log"
    | "secretStore"
    | "listenOnLoopback"
    | "readAsset"
    | "version"
  >;
  readonly grantStore: GrantStore;
  readonly http: Http;
  /** The settings in effect. */
  readonly settings: () => AuthorizationSettings;
  readonly settingsLoaded: Promise<void>;
  /** A request with the organization's bearer was made apart from polling. */
  readonly onRequest?: (orgId: string) => void;
  readonly retryOrganization?: (orgId: string) => void;
  readonly notices: PageNotices;
}

/**
 * The part that the command line needs, too: authorizations, and the tokens of each organization.
 */
export function createAuthorization(options: AuthorizationOptions): {
  readonly authorizations: Authorizations;
  /** `onSilence`: see `RestOptions`. */
  readonly createTokenSource: (
    orgId: string,
    onSilence?: (fault: Fault) => void,
  ) => OrganizationTokenSource;
} {
  const { grantStore, http, settings, settingsLoaded, notices } = options;
  const { onRequest = () => undefined, retryOrganization = () => undefined } = options;
  const { clock, random, crypto, log: logger, secretStore, version } = options.ports;
  const { listenOnLoopback: listen, readAsset } = options.ports;
  const refusals = new GrantRefusals();
  const renewals = new RenewalAnnouncements(secretStore, clock);
  const pacing = new RenewalPacing(clock, () => settings().pollIntervalSeconds * 1_000);
  const webex = (onSilence?: (fault: Fault) => void) => {
    const { apiUrl } = settings();
    const rest = {
      ...{ apiUrl, version, http, clock, ...(onSilence && { onSilence }) },
      storedSecrets: () => grantStore.secrets(),
    };
    return {
      apiUrl,
      apiOrigin: originOf(apiUrl),
      oauth: createOAuthApi(rest),
      identity: createIdentityApi(rest, onRequest),
    };
  };
  const authorizations: Authorizations = new Authorizations({
    grantStore,
    refusals,
    settings,
    settingsLoaded,
    webex,
    createFlow: (method) => {
      const oauthContext = () => authorizations.oauthContext();
      const flow = { oauthContext, grantSink: authorizations, clock, crypto, logger };
      return method === "device"
        ? new DeviceFlow(flow)
        : new BrowserFlow({
            ...{ ...flow, notices, readAsset, listen, retryOrganization },
            redirectPort: settings().redirectPort,
          });
    },
    clock,
    logger,
  });
  return {
    authorizations,
    createTokenSource: (orgId, onSilence) =>
      new OrganizationTokenSource({
        ...{ orgId, grantStore, renewals, refusals, pacing, settings, clock, random, logger },
        oauth: () => webex(onSilence).oauth,
      }),
  };
}
