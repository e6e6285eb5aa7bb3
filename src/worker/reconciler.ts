import type { Authorizations } from "../authorization/authorizations.js";
import type { FlowSupervisor } from "../authorization/flow-supervisor.js";
import type { GrantStore } from "../authorization/grant-store.js";
import type { Dashboard } from "../dashboard/dashboard.js";
import type { Disposer, Subscribable } from "../faults/emitter.js";
import type { OrganizationPoller } from "../polling/organization-poller.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PresenceDirectory } from "../presence/presence-directory.js";
import type { SettingsState, SettingsStore } from "../settings/settings-store.js";
import type { Settings } from "../settings/keys.js";
import { type HostCheck, UNKNOWN_HOST } from "../supervisor/host-check.js";
import {
  desiredState,
  type DesiredOrganization,
  type DesiredState,
  type ObservedState,
} from "../supervisor/desired-state.js";
import { detectProblems } from "../supervisor/problems.js";
import type { Phase } from "../supervisor/status.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Network } from "./network.js";
import type { Organization, Organizations } from "./organizations.js";
import type { StatusPublisher } from "./status-publisher.js";

interface Emits<Name extends string> {
  readonly events: Subscribable<Record<Name, unknown>>;
}

interface ReconciledOrganization extends Pick<Organization, "start" | "stop"> {
  readonly poller: Pick<OrganizationPoller, "pollNow" | "retryNow">;
}

/** What the reconciler uses of the components; the compiler holds a test's fakes to it. */
export interface ReconciledComponents {
  readonly settingsStore: Pick<SettingsStore, "current"> & Emits<"settingsChanged">;
  readonly network: Pick<Network, "apply">;
  readonly grantStore: Pick<GrantStore, "kind" | "state"> & Emits<"contentChanged">;
  readonly authorizations: Pick<Authorizations, "grantStatuses" | "reevaluate"> &
    Emits<"authorizationsChanged">;
  readonly flows: Pick<FlowSupervisor, "fault" | "isDenied" | "retryNow" | "setDesired"> &
    Emits<"outcomeChanged">;
  readonly organizations: Pick<
    Organizations,
    "applySettings" | "clear" | "observe" | "routeChanged" | "status" | "sync"
  > &
    Emits<"organizationChanged"> & {
      readonly all: readonly ReconciledOrganization[];
      get(orgId: string): ReconciledOrganization | undefined;
    };
  readonly presence: Pick<
    PresenceDirectory,
    "setBlocked" | "setCondition" | "setOrder" | "setPollInterval" | "setStaleAfter"
  >;
  readonly dashboard: Pick<Dashboard, "apply" | "conflict"> & Emits<"conflictChanged">;
}

export interface ReconcilerOptions {
  readonly components: ReconciledComponents;
  readonly status: Pick<StatusPublisher, "publish">;
  readonly account: string;
  readonly logFile: string | null;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Called with the first settings and after every change, before anything acts on them. It sets
   * the log level, so that what the change causes is already logged at the new level.
   */
  readonly onSettings: (settings: Settings) => void;
}

/**
 * Applying a state may change what is observed, once or twice; more often, a defect would keep the
 * process busy forever.
 */
const MAX_ROUNDS = 8;

/**
 * The control loop: observes the components, computes the desired state, and applies the
 * difference. It runs once at the end of a turn of the event loop, however many things changed in
 * it, and publishes the status afterwards.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #host: HostCheck = UNKNOWN_HOST;
  #isStopping = false;
  #isDirty = false;
  #isReconciling = false;
  #cancelScheduled: Disposer | null = null;
  // What was applied last: only differences are applied.
  #phase: Phase = "starting";
  #settings: Settings | null = null;
  #client: OAuthClient | null = null;
  #refusedOrgIds: ReadonlySet<string> = new Set();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Follows the components' events from now on. */
  start(): Disposer {
    const { settingsStore, grantStore, authorizations, flows, organizations, dashboard } =
      this.#options.components;
    const changed = (): void => this.#schedule();
    const disposers = [
      settingsStore.events.on("settingsChanged", changed),
      grantStore.events.on("contentChanged", changed),
      authorizations.events.on("authorizationsChanged", changed),
      flows.events.on("outcomeChanged", changed),
      organizations.events.on("organizationChanged", changed),
      dashboard.events.on("conflictChanged", changed),
      () => this.#cancelScheduled?.(),
    ];
    // Something may have changed before this.
    this.#schedule();
    return () => {
      for (const dispose of disposers) dispose();
    };
  }

  /** Takes effect before the call returns, so that the host's next request sees it. */
  setHost(host: HostCheck): void {
    this.#host = host;
    this.reconcile();
  }

  /** No organization is polled any more, for good. */
  stop(): void {
    this.#isStopping = true;
    this.reconcile();
  }

  /**
   * Applies changes of this turn that still wait for its end, so that what is read next includes
   * them.
   */
  flush(): void {
    if (this.#isDirty) this.reconcile();
  }

  reconcile(): void {
    this.#isDirty = true;
    if (this.#isReconciling) return;
    this.#cancelScheduled?.();
    this.#cancelScheduled = null;
    this.#isReconciling = true;
    try {
      for (let round = 0; this.#isDirty && round < MAX_ROUNDS; round += 1) {
        this.#isDirty = false;
        const observed = this.#observe();
        this.#apply(observed, desiredState(observed));
      }
    } finally {
      this.#isReconciling = false;
    }
    this.#publish();
    if (this.#isDirty) this.#schedule();
  }

  #schedule(): void {
    this.#isDirty = true;
    if (this.#isReconciling) return;
    this.#cancelScheduled ??= this.#options.clock.endOfTurn(() => {
      this.#cancelScheduled = null;
      this.flush();
    });
  }

  #observe(): ObservedState {
    const { settingsStore, grantStore, authorizations, flows, organizations, dashboard } =
      this.#options.components;
    return {
      isStopping: this.#isStopping,
      settings: settingsStore.current,
      host: this.#host,
      grantStore: grantStore.state,
      grantStatuses: authorizations.grantStatuses(),
      organizations: organizations.observe(),
      flow: { fault: flows.fault, isDenied: flows.isDenied },
      dashboardConflict: dashboard.conflict,
      account: this.#options.account,
      logFile: this.#options.logFile,
      secretStore: grantStore.kind,
    };
  }

  #apply(observed: ObservedState, desired: DesiredState): void {
    const { flows, organizations, presence } = this.#options.components;
    if (desired.phase !== this.#phase) {
      this.#options.log.info("The phase changed.", { from: this.#phase, to: desired.phase });
      this.#phase = desired.phase;
    }
    if (desired.phase === "stopping") {
      for (const organization of organizations.all) void organization.stop();
    } else {
      if (observed.settings !== null) this.#applySettings(observed, observed.settings);
      if (desired.organizations !== null) this.#applyOrganizations(desired.organizations);
      this.#applyClient(observed);
      this.#applyRefusals(observed);
      presence.setCondition(desired.phase === "starting" ? "notReady" : desired.phase);
    }
    flows.setDesired(desired.flow);
  }

  #applySettings({ grantStore }: ObservedState, { settings, certificates }: SettingsState): void {
    const { organizations, presence, authorizations, network, flows, dashboard } =
      this.#options.components;
    const previous = this.#settings;
    if (settings !== previous) {
      this.#settings = settings;
      this.#options.onSettings(settings);
      presence.setStaleAfter(settings.staleAfterSeconds);
      presence.setPollInterval(settings.pollIntervalSeconds);
      dashboard.apply(settings);
      if (previous !== null && settings.apiUrl !== previous.apiUrl) {
        organizations.clear();
        // What was observed of them, such as a refusal, no longer holds.
        this.#isDirty = true;
      }
      organizations.applySettings(settings);
    }
    const proxyPassword = grantStore.kind === "ready" ? grantStore.proxyPassword : null;
    if (network.apply({ proxy: settings.proxy, certificates, proxyPassword })) {
      organizations.routeChanged();
      flows.retryNow();
    }
    if (settings !== previous) authorizations.reevaluate();
  }

  #applyOrganizations(desired: readonly DesiredOrganization[]): void {
    const { organizations, presence } = this.#options.components;
    organizations.sync(desired.map(({ grant }) => grant));
    presence.setOrder(desired.map(({ grant }) => grant.orgId));
    for (const { grant, isPolling, isBlocked } of desired) {
      const organization = organizations.get(grant.orgId);
      if (isPolling) organization?.start();
      else void organization?.stop();
      presence.setBlocked(grant.orgId, isBlocked);
    }
  }

  /** Another client ID or secret: what Webex refused the previous one is tried again at once. */
  #applyClient({ grantStore }: ObservedState): void {
    if (grantStore.kind !== "ready" || isSameClient(this.#client, grantStore.client)) return;
    this.#client = grantStore.client;
    const { organizations, flows } = this.#options.components;
    for (const { poller } of organizations.all) poller.retryNow();
    flows.retryNow();
  }

  /**
   * A grant is no longer refused, perhaps because another process refreshed it: polls at once. The
   * request in flight, which may itself have ended the refusal, goes on.
   */
  #applyRefusals({ grantStatuses }: ObservedState): void {
    const { organizations } = this.#options.components;
    for (const { orgId, fault } of grantStatuses) {
      if (fault === null && this.#refusedOrgIds.has(orgId))
        organizations.get(orgId)?.poller.pollNow();
    }
    const refused = grantStatuses.filter(({ fault }) => fault?.code === "grantRefused");
    this.#refusedOrgIds = new Set(refused.map(({ orgId }) => orgId));
  }

  #publish(): void {
    const { settingsStore, organizations } = this.#options.components;
    this.#options.status.publish({
      phase: this.#phase,
      settings: () => settingsStore.current,
      problems: detectProblems(this.#observe()),
      organizations: () => organizations.status(),
    });
  }
}

function isSameClient(a: OAuthClient | null, b: OAuthClient | null): boolean {
  if (a === null || b === null) return a === b;
  return a.clientId === b.clientId && a.clientSecret.equals(b.clientSecret);
}
