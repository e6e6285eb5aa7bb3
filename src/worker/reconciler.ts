import type { DesiredFlow } from "../authorization/flow-supervisor.js";
import { grantMismatch } from "../authorization/grant-status.js";
import { Fault } from "../faults/fault.js";
import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Logger } from "../ports/logger.js";
import { defaultSettings } from "../settings/keys.js";
import type { SettingsState } from "../settings/settings-store.js";
import type { Settings } from "../settings/settings.js";
import type { HostCheck } from "../supervisor/host-gate.js";
import {
  INITIAL_STATE,
  transition,
  type SupervisorEvent,
  type SupervisorState,
} from "../supervisor/phase.js";
import type { Phase } from "../supervisor/status.js";
import type { OAuthClient } from "../webex/oauth-api.js";
import { authorizationSettings, type Components } from "./components.js";

/**
 * Brings news from room to room: settings and grants to the supervisor's state, its effects to the organizations, and what follows
 * from both to presence and to the authorization flow.
 */
export class Reconciler {
  /** Something that the status shows may have changed. */
  readonly events = new Emitter<{ changed: undefined }>();
  readonly #components: Components;
  readonly #log: Logger;
  readonly #onSettings: (settings: Settings) => void;
  #settings: Settings = defaultSettings;
  #certificates: string | null = null;
  #client: OAuthClient | null = null;
  #gateShut = false;
  #state: SupervisorState = INITIAL_STATE;

  /** `onSettings` hears of settings before anything acts on them. */
  constructor(components: Components, log: Logger, onSettings: (settings: Settings) => void) {
    this.#components = components;
    this.#log = log;
    this.#onSettings = onSettings;
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  /** Listens to the rooms from now on. */
  start(): Disposer {
    const {
      settingsStore: settingsFeed,
      vault,
      authorizations,
      flows,
      organizations,
    } = this.#components;
    const follow = (): void => this.#follow();
    const disposers = [
      settingsFeed.events.on("settingsChanged", (state) => this.#applySettings(state)),
      vault.events.on("contentChanged", () => this.#applyVault()),
      authorizations.events.on("authorizationsChanged", follow),
      flows.events.on("outcomeChanged", follow),
      organizations.events.on("personsCounted", () => this.events.emit("changed")),
      organizations.events.on("stateChanged", ({ orgId, poller }) =>
        this.#dispatch({ kind: "askingChanged", orgId, asking: poller.isAccepted }),
      ),
    ];
    return () => {
      for (const dispose of disposers) dispose();
    };
  }

  /** What the host says of itself may forbid everything, or no longer. */
  applyGate({ isRejected: shut }: HostCheck): void {
    this.#gateShut = shut;
    this.#dispatch({ kind: "gateChanged", shut });
  }

  /** No organization is asked any more, for good. */
  halt(): void {
    this.#dispatch({ kind: "stopRequested" });
    this.#components.flows.setDesired({ kind: "none" });
  }

  /** Asks for a sweep of one organization, or of all (null). Fault: `unknownOrganization`. */
  poll(orgId: string | null): { accepted: boolean; nextPossibleAt: string | null } {
    const { organizations } = this.#components;
    if (orgId !== null && organizations.get(orgId) === undefined) {
      throw new Fault("unknownOrganization", "There is no authorization for this organization.");
    }
    const asked = organizations.all.filter(
      (organization) => orgId === null || organization.orgId === orgId,
    );
    const accepted = asked
      .map(({ poller }) => poller.pollNow())
      .filter((answer) => answer.accepted);
    const times = accepted
      .map(({ nextPossibleAt }) => nextPossibleAt)
      .filter((time) => time !== null);
    const nextPossibleAt = times.length === 0 ? null : new Date(Math.min(...times)).toISOString();
    return { accepted: accepted.length > 0, nextPossibleAt };
  }

  #applySettings({ settings, certificates }: SettingsState): void {
    const { organizations, presence, authorizations, vault } = this.#components;
    const before = this.#settings;
    this.#settings = settings;
    this.#certificates = certificates;
    this.#onSettings(settings);
    presence.setStaleAfter(settings.staleAfterSeconds);
    if (settings.apiUrl !== before.apiUrl && vault.state.kind === "ready") {
      // Another service: its organizations are other ones, whatever they are called.
      organizations.clear();
      this.#dispatch({ kind: "grantsRead", organizations: [] });
    }
    organizations.apply(settings);
    authorizations.handleSettingsChange();
    this.#applyVault();
    this.#dispatch({ kind: "settingsRead", enabled: settings.enable });
  }

  /** What the keychain holds, or which of it fits the settings, has changed. */
  #applyVault(): void {
    const { organizations, presence, vault, network, flows } = this.#components;
    const { state } = vault;
    const proxyPassword = state.kind === "ready" ? state.proxyPassword : null;
    if (
      network.apply({
        proxy: this.#settings.proxy,
        certificates: this.#certificates,
        proxyPassword,
      })
    ) {
      organizations.wayChanged();
      flows.retryNow();
    }
    if (state.kind === "unavailable") this.#dispatch({ kind: "grantsRead", organizations: [] });
    if (state.kind !== "ready") return;
    organizations.sync(state.grants);
    presence.setOrder(state.grants.map(({ orgId }) => orgId));
    const usable = state.grants.filter(
      (grant) => grantMismatch(grant, authorizationSettings(this.#settings), state.client) === null,
    );
    this.#dispatch({ kind: "grantsRead", organizations: usable.map(({ orgId }) => orgId) });
    if (sameClient(this.#client, state.client)) return;
    this.#client = state.client;
    for (const { poller } of organizations.all) poller.retryNow();
    flows.retryNow();
  }

  #dispatch(event: SupervisorEvent): void {
    const { state, effects } = transition(this.#state, event);
    if (state.phase !== this.#state.phase)
      this.#log.info("The phase changed.", { from: this.#state.phase, to: state.phase });
    this.#state = state;
    for (const { kind, orgId } of effects) {
      const organization = this.#components.organizations.get(orgId);
      if (kind === "run") organization?.poller.start();
      else void organization?.stop();
    }
    this.#follow();
  }

  /** What follows from the state: what records say, which flow is open, what the status shows. */
  #follow(): void {
    const { organizations, presence, flows } = this.#components;
    const state = this.#state;
    if (state.phase !== "stopping") {
      presence.setCondition(state.phase === "starting" ? "notReady" : state.phase);
      const running = "running" in state ? state.running : [];
      for (const { orgId, poller } of organizations.all)
        presence.setBlocked(orgId, !running.includes(orgId) || !poller.isAccepted);
      flows.setDesired(this.#wantedFlow());
    }
    this.events.emit("changed");
  }

  #wantedFlow(): DesiredFlow {
    const { vault, authorizations } = this.#components;
    const { authorize } = this.#settings;
    if (!("running" in this.#state) || this.#gateShut || authorize === "off")
      return { kind: "none" };
    if (vault.state.kind !== "ready") return { kind: "leave" };
    const standings = authorizations.grantStatuses();
    const missing = standings.length === 0 || standings.some(({ fault }) => fault !== null);
    return missing ? { kind: "open", method: authorize } : { kind: "leave" };
  }
}

function sameClient(a: OAuthClient | null, b: OAuthClient | null): boolean {
  if (a === null || b === null) return a === b;
  return a.clientId === b.clientId && a.clientSecret.equals(b.clientSecret);
}
