import { asFault, Fault } from "../faults/fault.js";
import { type Disposer, Emitter } from "../faults/emitter.js";
import type { ChannelEndReason } from "../ports/channel.js";
import { RpcServer } from "../rpc/rpc-server.js";
import type { Params } from "../rpc/params.js";
import { checkHost } from "../supervisor/host-check.js";
import type { Dashboard } from "../dashboard/dashboard.js";
import {
  type Components,
  createComponents,
  createDashboard,
  type WorkerPorts,
} from "./components.js";
import type { LaunchOptions } from "./launch-options.js";
import { NetworkWatcher } from "./network-watcher.js";
import { PollRequestWatcher } from "./poll-request-watcher.js";
import { Reconciler } from "./reconciler.js";
import { StatusPublisher } from "./status-publisher.js";

/** The first query is answered before settings and keychain are read. */
const START_DELAY_MS = 5;
/** What an earlier process has learned is not worth a longer delay. */
const LOAD_LEARNED_MS = 250;
/** The worker exits within a second (contract: launch); these deadlines add up to less. */
const STOP_WORK_MS = 500;
const FLUSH_MS = 150;
const LOG_MS = 300;
/** Whatever hangs or fails on the way out, the process has exited by then. */
const EXIT_DEADLINE_MS = 950;

export type ExitCode = 0 | 1 | 65 | 70;

/**
 * The composition root: creates the components, serves the host, and starts and stops everything in
 * order.
 */
export class Worker {
  readonly #ports: WorkerPorts;
  readonly #options: LaunchOptions;
  readonly #components: Components;
  readonly #dashboard: Dashboard;
  readonly #reconciler: Reconciler;
  readonly #status: StatusPublisher;
  readonly #pollRequests: PollRequestWatcher;
  readonly #networkWatcher: NetworkWatcher;
  readonly #rpc: RpcServer;
  readonly #events = new Emitter<{ settingsLoaded: undefined; shutDown: undefined }>();
  readonly #disposers: Disposer[] = [];
  #ending: Promise<void> | null = null;
  #exit: (code: ExitCode) => void = () => undefined;

  constructor(ports: WorkerPorts, options: LaunchOptions) {
    this.#ports = ports;
    this.#options = options;
    const { clock, crypto, log, version } = ports;
    this.#status = new StatusPublisher(
      {
        version,
        pid: ports.process.pid,
        secretStore: ports.secretStore.kind,
        settingsPath: options.settingsPath,
      },
      clock,
      ports.statusFile,
      log,
    );
    const settingsLoaded = new Promise<void>((resolve, reject) => {
      this.#events.on("settingsLoaded", resolve);
      this.#events.on("shutDown", () => {
        reject(new Fault("cancelled", "The worker shuts down before it has read its settings."));
      });
    });
    settingsLoaded.catch(() => "is reported to those who wait for it");
    this.#components = createComponents(ports, this.#status, settingsLoaded);
    const services = {
      status: {
        events: this.#status.events,
        current: () => {
          this.#reconciler.flush();
          return this.#status.current();
        },
      },
      poll: (orgId: string | null) => {
        this.#reconciler.flush();
        return this.#components.organizations.pollNow(orgId);
      },
    };
    this.#dashboard = createDashboard(ports, this.#components, services);
    this.#reconciler = new Reconciler({
      components: { ...this.#components, dashboard: this.#dashboard },
      status: this.#status,
      account: ports.process.account,
      logFile: ports.logFile,
      clock,
      log,
      onSettings: ({ logLevel }) => {
        log.setLevel(options.logLevel ?? logLevel);
        this.#events.emit("settingsLoaded");
      },
    });
    const { organizations, presence, authorizations, network } = this.#components;
    this.#networkWatcher = new NetworkWatcher({
      readAddresses: ports.readAddresses,
      isFailing: () => organizations.all.some(({ poller }) => poller.isFailing),
      retry: () => {
        network.reconnect();
        organizations.routeChanged();
      },
      clock,
      logger: log,
    });
    this.#pollRequests = new PollRequestWatcher({
      problems: this.#status,
      file: ports.pollRequestFile,
      poll: () => {
        log.info("Another program asked to poll the organizations that Webex refuses again.");
        organizations.pollNow(null);
      },
      clock,
    });
    this.#rpc = new RpcServer({
      channel: ports.channel,
      presence,
      authorization: authorizations,
      ...services,
      version,
      openRpc: ports.openRpc,
      clock,
      crypto,
      logger: log,
      onInitialize: (params) => this.#setHost(params),
      onShutdown: () => this.#shutDown(),
      onExit: (code) => void this.stop(code, "the host sent exit"),
      onEnd: (end) => void this.stop(exitCodeAfter(end), end),
    });
  }

  /**
   * Serves the host at once and starts the rest a moment later. Resolves with the exit code when
   * everything has ended.
   */
  run(): Promise<ExitCode> {
    const ended = new Promise<ExitCode>((resolve) => {
      this.#exit = resolve;
    });
    this.#rpc.start();
    this.#disposers.push(this.#ports.clock.schedule(START_DELAY_MS, () => this.#start()));
    return ended;
  }

  /**
   * Stops polling, closes everything and lets `run` resolve within a second. Idempotent: the first
   * code counts.
   */
  stop(code: ExitCode, reason: string): Promise<void> {
    if (this.#ending === null) {
      this.#ports.clock.schedule(EXIT_DEADLINE_MS, () => this.#exit(code));
      this.#ending = this.#end(code, reason);
    }
    return this.#ending;
  }

  #start(): void {
    const { clock, log, process, version } = this.#ports;
    const { settingsStore, grantStore, authorizations, flows, learnedFacts } = this.#components;
    log.info("The worker is starting.", {
      version,
      pid: process.pid,
      account: process.account,
      secretStore: grantStore.kind,
    });
    this.#disposers.push(this.#reconciler.start());
    if (this.#options.hostPid !== null) this.#followHost(this.#options.hostPid);
    authorizations.start();
    flows.start();
    this.#disposers.push(settingsStore.start());
    this.#disposers.push(clock.schedule(1, () => void this.#readGrants()));
    learnedFacts.start();
    this.#pollRequests.start();
    this.#networkWatcher.start();
    this.#status.start(() => this.#reconciler.reconcile());
  }

  /** A grant creates its organization, which starts with what was learned of it. */
  async #readGrants(): Promise<void> {
    const { grantStore, learnedFacts } = this.#components;
    await Promise.race([learnedFacts.load(), this.#delay(LOAD_LEARNED_MS)]);
    if (this.#ending === null) await grantStore.start();
  }

  #setHost({ host, attendantConsole, hostPid }: Params<"initialize">): void {
    const check = checkHost({
      hostVersion: host?.version ?? null,
      licensed: host?.licensed ?? null,
      consoleVersion: attendantConsole?.version ?? null,
    });
    for (const version of check.unreadableVersions) {
      this.#ports.log.warn("The host's version cannot be parsed and counts as new enough.", {
        version,
      });
    }
    if (hostPid !== undefined) this.#followHost(hostPid);
    this.#reconciler.setHost(check);
  }

  #followHost(pid: number): void {
    const stop = (): void => void this.stop(0, "the host's process is gone");
    this.#disposers.push(this.#ports.process.onExit(pid, stop));
  }

  async #shutDown(): Promise<void> {
    const { organizations, authorizations } = this.#components;
    this.#reconciler.stop();
    this.#events.emit("shutDown");
    this.#pollRequests.stop();
    this.#networkWatcher.stop();
    const work = Promise.allSettled([organizations.stop(), authorizations.cancel()]);
    await Promise.race([work, this.#delay(STOP_WORK_MS)]);
  }

  async #end(code: ExitCode, reason: string): Promise<void> {
    const { channel, log } = this.#ports;
    const { organizations, presence, flows, authorizations, grantStore, network, learnedFacts } =
      this.#components;
    log.info("The worker is stopping.", { code, reason });
    try {
      this.#reconciler.stop();
      for (const dispose of this.#disposers.splice(0)) dispose();
      presence.stop();
      this.#pollRequests.stop();
      this.#networkWatcher.stop();
      const work = [
        organizations.stop(),
        flows.stop(),
        authorizations.stop(),
        grantStore.stop(),
        this.#status.stop(),
        learnedFacts.stop(),
        this.#dashboard.stop(),
      ];
      await Promise.race([Promise.allSettled(work), this.#delay(STOP_WORK_MS)]);
      network.close();
      await channel.flush(FLUSH_MS);
      this.#rpc.stop();
    } catch (error) {
      log.error("The worker could not stop in order.", { error: asFault(error) });
    }
    await log.close(LOG_MS).catch(() => undefined);
    this.#exit(code);
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.schedule(ms, resolve));
  }
}

function exitCodeAfter(end: ChannelEndReason): ExitCode {
  // A host that no longer reads is a host that is gone.
  return end === "protocolError" ? 65 : 0;
}
