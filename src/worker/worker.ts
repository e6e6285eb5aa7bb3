import type { Authorizations } from "../authorization/authorizations.js";
import { FlowKeeper, type WantedFlow } from "../authorization/flow-keeper.js";
import type { AuthorizationSettings } from "../authorization/effective-client.js";
import { misfit } from "../authorization/grant-standing.js";
import { GrantVault } from "../authorization/vault.js";
import { asFault, Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/feed.js";
import type { ChannelEnd } from "../ports/channel.js";
import { RequestBudget } from "../polling/request-budget.js";
import { PresenceDirectory } from "../presence/presence-directory.js";
import { RpcServer } from "../rpc/rpc-server.js";
import type { HostIntroduction } from "../rpc/session.js";
import { defaultSettings } from "../settings/keys.js";
import { SettingsFeed, type SettingsState } from "../settings/settings-feed.js";
import type { Settings } from "../settings/settings.js";
import { judgeHost, OPEN_GATE, type GateVerdict } from "../supervisor/host-gate.js";
import { INITIAL_STATE, transition, type SupervisorEvent, type SupervisorState } from "../supervisor/phase.js";
import { AuthorizationAfterSettings } from "./authorization-after-settings.js";
import { authorizationParts } from "./authorization-parts.js";
import type { LaunchOptions } from "./launch-options.js";
import { Network } from "./network.js";
import { Organizations } from "./organizations.js";
import { makeOrganization } from "./organization.js";
import { collectProblems } from "./problem-sources.js";
import { StatusBoard } from "./status-board.js";
import type { OAuthClient } from "../webex/oauth-api.js";
import type { WorkerPorts } from "./worker-ports.js";

/** Reading settings and keychain begins this long after the host is listened to, so that a first query is answered before it. */
const SETTLE_IN_MS = 5;
/** Ends take at most a second in all (contract: launch). */
const STOP_WORK_MS = 500;
const FLUSH_MS = 150;
const LOG_MS = 200;

export type ExitCode = 0 | 1 | 65 | 70;

/** The composition root: makes the rooms, connects their feeds, and starts and stops them in order. */
export class Worker {
  readonly #ports: WorkerPorts;
  readonly #options: LaunchOptions;
  readonly #presence: PresenceDirectory;
  readonly #vault: GrantVault;
  readonly #network: Network;
  readonly #authorizations: Authorizations;
  readonly #flows: FlowKeeper;
  readonly #organizations: Organizations;
  readonly #settingsFeed: SettingsFeed;
  readonly #board: StatusBoard;
  readonly #rpc: RpcServer;
  readonly #disposers: Disposer[] = [];
  /** Kept when an organization goes and comes back: Webex still counts what was asked before. */
  readonly #budgets = new Map<string, RequestBudget>();
  #settings: Settings = defaultSettings;
  #client: OAuthClient | null = null;
  #gate: GateVerdict = OPEN_GATE;
  #state: SupervisorState = INITIAL_STATE;
  #ending: Promise<void> | null = null;
  #exit: (code: ExitCode) => void = () => undefined;
  #settingsAreRead: () => void = () => undefined;

  constructor(ports: WorkerPorts, options: LaunchOptions) {
    this.#ports = ports;
    this.#options = options;
    const { clock, chance, log } = ports;
    this.#presence = new PresenceDirectory(clock, log);
    this.#vault = new GrantVault(ports.secretStore, clock, log);
    this.#network = new Network(ports.http, ports.readTextFile, log, () => this.#board.refresh());
    const parts = authorizationParts({
      ports,
      vault: this.#vault,
      network: this.#network,
      settings: () => this.#authorizationSettings(),
      notices: {
        list: () => this.#board.problems,
        onChanged: (listener) => this.#board.onChanged(listener),
      },
    });
    this.#authorizations = parts.authorizations;
    this.#flows = new FlowKeeper(this.#authorizations, clock, log);
    this.#organizations = new Organizations(
      (grant) =>
        makeOrganization({
          orgId: grant.orgId,
          apiUrl: this.#settings.apiUrl,
          version: ports.version,
          tokens: parts.tokensOf(grant.orgId),
          grantedScopes: () => this.#organizations.scopesOf(grant.orgId),
          roster: this.#presence.addOrganization(grant.orgId),
          budget: this.#budgetOf(grant.orgId),
          settings: this.#settings,
          http: this.#network,
          clock,
          chance,
          logger: log,
        }),
      (orgId) => this.#presence.removeOrganization(orgId),
    );
    this.#settingsFeed = new SettingsFeed({ file: ports.settingsFile, clock, readIniLine: ports.readIniLine, logger: log });
    this.#board = new StatusBoard(
      {
        phase: () => this.#state.phase,
        settings: () => this.#settingsFeed.current,
        problems: () => this.#problems(),
        organizations: () => this.#organizations.status(),
      },
      {
        version: ports.version,
        pid: ports.process.pid,
        secretStore: ports.secretStore.kind,
        settingsPath: options.settingsPath,
      },
      clock,
      ports.statusFile,
    );
    this.#rpc = new RpcServer({
      channel: ports.channel,
      presence: this.#presence,
      authorization: new AuthorizationAfterSettings(
        this.#authorizations,
        new Promise((resolve) => (this.#settingsAreRead = resolve)),
      ),
      status: this.#board,
      poll: (orgId) => this.#poll(orgId),
      version: ports.version,
      openRpc: ports.openRpc,
      clock,
      chance,
      logger: log,
      onInitialize: (introduction) => this.#meetHost(introduction),
      onShutdown: () => this.#haltAll(),
      onExit: (code) => void this.stop(code),
      onEnd: (end) => void this.stop(exitCodeAfter(end), end),
    });
  }

  /** Listens to the host at once and begins the rest a moment later. Resolves with the exit code when everything has ended. */
  run(): Promise<ExitCode> {
    const ended = new Promise<ExitCode>((resolve) => {
      this.#exit = resolve;
    });
    this.#rpc.start();
    this.#disposers.push(this.#ports.clock.timer(SETTLE_IN_MS, () => this.#begin()));
    return ended;
  }

  /** Stops the polling, closes everything and lets `run` resolve, within a second. Idempotent: the first code counts. */
  stop(code: ExitCode, why = "asked to"): Promise<void> {
    this.#ending ??= this.#end(code, why);
    return this.#ending;
  }

  #begin(): void {
    const { clock, log, process } = this.#ports;
    log.info("The worker is starting.", {
      version: this.#ports.version,
      pid: process.pid,
      account: process.account,
      secretStore: this.#vault.kind,
    });
    const refresh = (): void => this.#refresh();
    this.#disposers.push(
      this.#settingsFeed.subscribe((state) => this.#applySettings(state)),
      this.#vault.onChanged(() => this.#readVault()),
      this.#authorizations.onChanged(refresh),
      this.#flows.onChanged(refresh),
      this.#organizations.changed.subscribe(({ orgId, poller }) =>
        this.#dispatch({ kind: "askingChanged", orgId, asking: poller.asking }),
      ),
    );
    if (this.#options.hostPid !== null) this.#followHost(this.#options.hostPid);
    this.#authorizations.start();
    this.#flows.start();
    this.#disposers.push(this.#settingsFeed.start());
    this.#disposers.push(clock.timer(0, () => void this.#vault.start()));
    this.#board.start();
  }

  #applySettings({ settings }: SettingsState): void {
    const before = this.#settings;
    this.#settings = settings;
    this.#ports.log.setLevel(this.#options.logLevel ?? settings.logLevel);
    this.#presence.setStaleAfter(settings.staleAfterSeconds);
    this.#routeNetwork();
    if (settings.apiUrl !== before.apiUrl && this.#vault.state.kind === "ready") {
      // Another service: its organizations are other ones, whatever they are called.
      this.#organizations.clear();
      this.#dispatch({ kind: "grantsRead", organizations: [] });
    }
    this.#organizations.apply(settings);
    this.#authorizations.settingsChanged();
    this.#readVault();
    this.#dispatch({ kind: "settingsRead", enabled: settings.enable });
    this.#settingsAreRead();
  }

  /** What the keychain holds, or which of it fits the settings, has changed. */
  #readVault(): void {
    this.#routeNetwork();
    const vault = this.#vault.state;
    if (vault.kind === "ready") {
      this.#organizations.sync(vault.grants);
      this.#presence.setOrder(vault.grants.map(({ orgId }) => orgId));
      const usable = vault.grants.filter((grant) => misfit(grant, this.#authorizationSettings(), vault.client) === null);
      this.#dispatch({ kind: "grantsRead", organizations: usable.map(({ orgId }) => orgId) });
      if (!sameClient(this.#client, vault.client)) {
        this.#client = vault.client;
        for (const { poller } of this.#organizations.all) poller.retryNow();
        this.#flows.retryNow();
      }
    } else if (vault.kind === "unavailable") {
      this.#dispatch({ kind: "grantsRead", organizations: [] });
    }
  }

  #routeNetwork(): void {
    const vault = this.#vault.state;
    const proxyPassword = vault.kind === "ready" ? vault.proxyPassword : null;
    this.#network.apply({ proxy: this.#settings.proxy, caFile: this.#settings.caFile, proxyPassword });
  }

  #dispatch(event: SupervisorEvent): void {
    const { state, effects } = transition(this.#state, event);
    if (state.phase !== this.#state.phase)
      this.#ports.log.info("The phase changed.", { from: this.#state.phase, to: state.phase });
    this.#state = state;
    for (const { kind, orgId } of effects) {
      const poller = this.#organizations.get(orgId)?.poller;
      if (kind === "run") poller?.start();
      else void poller?.stop();
    }
    this.#refresh();
  }

  /** Brings what follows from the state up to date: what records say, which flow is open, the status. */
  #refresh(): void {
    const { phase } = this.#state;
    if (phase === "stopping") return;
    this.#presence.setCondition(phase === "starting" ? "notReady" : phase);
    const running = this.#state.phase === "polling" || this.#state.phase === "blocked" ? this.#state.running : [];
    for (const { orgId, poller } of this.#organizations.all)
      this.#presence.setBlocked(orgId, !running.includes(orgId) || !poller.asking);
    this.#flows.want(this.#wantedFlow());
    this.#board.refresh();
  }

  #wantedFlow(): WantedFlow {
    const { phase } = this.#state;
    const { authorize } = this.#settings;
    if ((phase !== "polling" && phase !== "blocked") || this.#gate.shut || authorize === "off") return { kind: "none" };
    if (this.#vault.state.kind !== "ready") return { kind: "leave" };
    const standings = this.#authorizations.standings();
    const missing = standings.length === 0 || standings.some(({ fault }) => fault !== null);
    return missing ? { kind: "open", method: authorize } : { kind: "leave" };
  }

  #meetHost({ host, attendantConsole, hostPid }: HostIntroduction): void {
    this.#gate = judgeHost({
      hostVersion: host?.version ?? null,
      licensed: host?.licensed ?? null,
      consoleVersion: attendantConsole?.version ?? null,
    });
    for (const version of this.#gate.unreadable)
      this.#ports.log.warn("The host names a version that cannot be read; it is taken to be new enough.", { version });
    if (hostPid !== null) this.#followHost(hostPid);
    this.#dispatch({ kind: "gateChanged", shut: this.#gate.shut });
  }

  #followHost(pid: number): void {
    this.#disposers.push(this.#ports.process.onGone(pid, () => void this.stop(0, "the host's process is gone")));
  }

  #poll(orgId: string | null): { accepted: boolean; nextPossibleAt: string | null } {
    if (orgId !== null && this.#organizations.get(orgId) === undefined) {
      throw new Fault("unknownOrganization", "There is no authorization for this organization.");
    }
    const asked = this.#organizations.all.filter((organization) => orgId === null || organization.orgId === orgId);
    const answers = asked.map(({ poller }) => poller.pollNow()).filter(({ accepted }) => accepted);
    const times = answers.map(({ nextPossibleAt }) => nextPossibleAt).filter((time) => time !== null);
    return {
      accepted: answers.length > 0,
      nextPossibleAt: times.length === 0 ? null : new Date(Math.min(...times)).toISOString(),
    };
  }

  #budgetOf(orgId: string): RequestBudget {
    let budget = this.#budgets.get(orgId);
    if (budget === undefined) {
      budget = new RequestBudget(this.#ports.clock, this.#settings.requestsPerMinute);
      this.#budgets.set(orgId, budget);
    }
    return budget;
  }

  #problems(): ReturnType<typeof collectProblems> {
    return collectProblems({
      account: this.#ports.process.account,
      settings: this.#settingsFeed.current,
      authorizationSettings: this.#authorizationSettings(),
      caProblem: this.#network.caProblem,
      gate: this.#gate,
      vault: this.#vault.state,
      standings: this.#authorizations.standings(),
      memoryStore: this.#vault.kind === "memory",
      flow: this.#flows,
      organizations: this.#organizations,
    });
  }

  #authorizationSettings(): AuthorizationSettings {
    return { clientId: this.#settings.clientId, apiUrl: this.#settings.apiUrl, redirectPort: this.#settings.redirectPort };
  }

  async #haltAll(): Promise<void> {
    this.#dispatch({ kind: "stopRequested" });
    this.#flows.want({ kind: "none" });
    this.#board.refresh();
    await Promise.race([this.#organizations.stop(), this.#after(STOP_WORK_MS)]);
  }

  async #end(code: ExitCode, why: string): Promise<void> {
    const { channel, log } = this.#ports;
    log.info("The worker is ending.", { code, why });
    for (const dispose of this.#disposers.splice(0)) dispose();
    try {
      this.#dispatch({ kind: "stopRequested" });
      this.#presence.stop();
      const work = [
        this.#organizations.stop(),
        this.#flows.stop(),
        this.#authorizations.stop(),
        this.#vault.stop(),
        this.#board.stop(),
      ];
      await Promise.race([Promise.allSettled(work), this.#after(STOP_WORK_MS)]);
      this.#network.close();
      await channel.flush(FLUSH_MS);
      this.#rpc.stop();
    } catch (error) {
      log.error("Ending failed.", { error: asFault(error) });
    }
    await log.close(LOG_MS);
    this.#exit(code);
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.timer(ms, resolve));
  }
}

function sameClient(a: OAuthClient | null, b: OAuthClient | null): boolean {
  if (a === null || b === null) return a === b;
  return a.clientId === b.clientId && a.clientSecret.equals(b.clientSecret);
}

function exitCodeAfter(end: ChannelEnd): ExitCode {
  // A host that no longer reads is a host that is gone.
  return end === "notTheProtocol" ? 65 : 0;
}
