import { asFault } from "../faults/fault.js";
import { Emitter, type Disposer } from "../faults/emitter.js";
import type { PageNoticesEvents } from "../authorization/browser-flow.js";
import type { ChannelEndReason } from "../ports/channel.js";
import { RpcServer } from "../rpc/rpc-server.js";
import type { HostInfo } from "../rpc/session.js";
import { defaultSettings } from "../settings/keys.js";
import { checkHost, UNKNOWN_HOST, type HostCheck } from "../supervisor/host-gate.js";
import type { ProblemReport } from "../supervisor/problem-list.js";
import { AuthorizationAfterSettings } from "./authorization-after-settings.js";
import { Reconciler } from "./reconciler.js";
import type { LaunchOptions } from "./launch-options.js";
import { collectProblems } from "./problem-sources.js";
import { authorizationSettings, createComponents, type Components } from "./components.js";
import { StatusPublisher } from "./status-publisher.js";
import type { WorkerPorts } from "./worker-ports.js";

/** Reading settings and keychain begins this long after the host is listened to, so that a first query is answered before it. */
const SETTLE_IN_MS = 5;
/** Ends take at most a second in all (contract: launch). */
const STOP_WORK_MS = 500;
const FLUSH_MS = 150;
const LOG_MS = 200;
/** Whatever hangs or fails on the way out, the process is gone by then. */
const LAST_RESORT_MS = 950;

export type ExitCode = 0 | 1 | 65 | 70;

/** The composition root: makes the rooms, lets the host in, and starts and stops everything in order. */
export class Worker {
  readonly #ports: WorkerPorts;
  readonly #options: LaunchOptions;
  readonly #components: Components;
  readonly #reconciler: Reconciler;
  readonly #status: StatusPublisher;
  readonly #rpc: RpcServer;
  readonly #events = new Emitter<{ settingsRead: undefined }>();
  readonly #notices = new Emitter<PageNoticesEvents>();
  readonly #disposers: Disposer[] = [];
  #gate: HostCheck = UNKNOWN_HOST;
  #ending: Promise<void> | null = null;
  #exit: (code: ExitCode) => void = () => undefined;

  constructor(ports: WorkerPorts, options: LaunchOptions) {
    this.#ports = ports;
    this.#options = options;
    const { clock, random, log, version } = ports;
    this.#components = createComponents(ports, {
      list: () => this.#status.problems,
      events: this.#notices,
    });
    this.#reconciler = new Reconciler(this.#components, log, ({ logLevel }) => {
      log.setLevel(options.logLevel ?? logLevel);
      this.#events.emit("settingsRead");
    });
    const {
      settingsStore: settingsFeed,
      organizations,
      presence,
      authorizations,
    } = this.#components;
    this.#status = new StatusPublisher(
      {
        phase: () => this.#reconciler.phase,
        settings: () => settingsFeed.current,
        problems: () => this.#problems(),
        organizations: () => organizations.status(),
      },
      {
        version,
        pid: ports.process.pid,
        secretStore: ports.secretStore.kind,
        settingsPath: options.settingsPath,
      },
      clock,
      ports.statusFile,
    );
    const settingsRead = new Promise<void>(
      (resolve) => void this.#events.on("settingsRead", () => resolve()),
    );
    this.#rpc = new RpcServer({
      channel: ports.channel,
      presence,
      authorization: new AuthorizationAfterSettings(authorizations, settingsRead),
      status: this.#status,
      poll: (orgId) => this.#reconciler.poll(orgId),
      version,
      openRpc: ports.openRpc,
      clock,
      random,
      logger: log,
      onInitialize: (introduction) => this.#meetHost(introduction),
      onShutdown: () => this.#halt(),
      onExit: (code) => void this.stop(code, "the host sent exit"),
      onEnd: (end) => void this.stop(exitCodeAfter(end), end),
    });
  }

  /** Listens to the host at once and begins the rest a moment later. Resolves with the exit code when everything has ended. */
  run(): Promise<ExitCode> {
    const ended = new Promise<ExitCode>((resolve) => {
      this.#exit = resolve;
    });
    this.#rpc.start();
    this.#disposers.push(this.#ports.clock.schedule(SETTLE_IN_MS, () => this.#begin()));
    return ended;
  }

  /** Stops the polling, closes everything and lets `run` resolve, within a second. Idempotent: the first code counts. */
  stop(code: ExitCode, why: string): Promise<void> {
    if (this.#ending === null) {
      this.#ports.clock.schedule(LAST_RESORT_MS, () => this.#exit(code));
      this.#ending = this.#end(code, why);
    }
    return this.#ending;
  }

  #begin(): void {
    const { clock, log, process, version } = this.#ports;
    const { settingsStore: settingsFeed, vault, authorizations, flows } = this.#components;
    log.info("The worker is starting.", {
      version,
      pid: process.pid,
      account: process.account,
      secretStore: vault.kind,
    });
    this.#disposers.push(
      this.#reconciler.start(),
      this.#reconciler.events.on("changed", () => this.#status.refresh()),
      this.#status.events.on("statusChanged", () => this.#notices.emit("problemsChanged")),
    );
    if (this.#options.hostPid !== null) this.#followHost(this.#options.hostPid);
    authorizations.start();
    flows.start();
    this.#disposers.push(settingsFeed.start());
    this.#disposers.push(clock.schedule(1, () => void vault.start()));
    this.#status.start();
  }

  #meetHost({ host, attendantConsole, hostPid }: HostInfo): void {
    this.#gate = checkHost({
      hostVersion: host?.version ?? null,
      licensed: host?.licensed ?? null,
      consoleVersion: attendantConsole?.version ?? null,
    });
    for (const version of this.#gate.unreadableVersions) {
      this.#ports.log.warn(
        "The host names a version that cannot be read; it is taken to be new enough.",
        { version },
      );
    }
    if (hostPid !== null) this.#followHost(hostPid);
    this.#reconciler.applyGate(this.#gate);
  }

  #followHost(pid: number): void {
    this.#disposers.push(
      this.#ports.process.onExit(pid, () => void this.stop(0, "the host's process is gone")),
    );
  }

  #problems(): ProblemReport[] {
    const {
      settingsStore: settingsFeed,
      vault,
      authorizations,
      flows,
      organizations,
    } = this.#components;
    return collectProblems({
      account: this.#ports.process.account,
      settings: settingsFeed.current,
      authorizationSettings: authorizationSettings(
        settingsFeed.current?.settings ?? defaultSettings,
      ),
      gate: this.#gate,
      vault: vault.state,
      standings: authorizations.grantStatuses(),
      memoryStore: vault.kind === "memory",
      flow: flows,
      organizations,
    });
  }

  async #halt(): Promise<void> {
    this.#reconciler.halt();
    await Promise.race([this.#components.organizations.stop(), this.#after(STOP_WORK_MS)]);
  }

  async #end(code: ExitCode, why: string): Promise<void> {
    const { channel, log } = this.#ports;
    const { organizations, presence, flows, authorizations, vault, network } = this.#components;
    log.info("The worker is ending.", { code, why });
    try {
      this.#reconciler.halt();
      for (const dispose of this.#disposers.splice(0)) dispose();
      presence.stop();
      const work = [
        organizations.stop(),
        flows.stop(),
        authorizations.stop(),
        vault.stop(),
        this.#status.stop(),
      ];
      await Promise.race([Promise.allSettled(work), this.#after(STOP_WORK_MS)]);
      network.close();
      await channel.flush(FLUSH_MS);
      this.#rpc.stop();
    } catch (error) {
      log.error("Ending failed.", { error: asFault(error) });
    }
    await log.close(LOG_MS).catch(() => undefined);
    this.#exit(code);
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.schedule(ms, resolve));
  }
}

function exitCodeAfter(end: ChannelEndReason): ExitCode {
  // A host that no longer reads is a host that is gone.
  return end === "notTheProtocol" ? 65 : 0;
}
