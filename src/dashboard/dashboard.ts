import { type Disposer, Emitter } from "../faults/emitter.js";
import { asFault, Fault, faultFields } from "../faults/fault.js";
import type { Clock, Crypto } from "../ports/clock.js";
import type { ListenOnLoopback, ReadAsset } from "../ports/loopback-server.js";
import type { Logger } from "../ports/logger.js";
import type { FormatMetrics } from "../ports/metrics.js";
import type { ReadProcessUsage, TemporaryFile } from "../ports/process.js";
import type { PortConflict } from "../supervisor/desired-state.js";
import { DashboardAccess } from "./dashboard-access.js";
import { DashboardFeed } from "./dashboard-feed.js";
import { DashboardHandler } from "./dashboard-handler.js";
import { DashboardPage } from "./dashboard-page.js";
import type { DashboardServices } from "./dashboard-services.js";
import { History } from "./history.js";

export interface DashboardOptions {
  readonly services: DashboardServices;
  readonly listen: ListenOnLoopback;
  readonly readAsset: ReadAsset;
  readonly formatMetrics: FormatMetrics;
  readonly readUsage: ReadProcessUsage;
  /** Holds the address, for the command line. */
  readonly file: TemporaryFile;
  readonly pid: number;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
}

/** The part of `Settings` that applies; this folder does not import `settings/`. */
export interface DashboardSettings {
  /** 0: no dashboard. */
  readonly dashboardPort: number;
  readonly redirectPort: number;
}

interface OpenDashboard {
  readonly port: number;
  readonly close: () => Promise<void>;
}

const RETRY_INTERVAL_MS = 5_000;
/** Something may delete the file with the address, as old: programs that tidy log folders do. */
const FILE_INTERVAL_MS = 60_000;
const FILE_RETRY_INTERVAL_MS = 10_000;
const NONCE_BYTES = 16;

/**
 * Serves the dashboard on the port that the settings name. A port that is taken is tried again
 * until it is free. Without a port, nothing runs and nothing is kept.
 */
export class Dashboard {
  readonly events = new Emitter<{ readonly conflictChanged: undefined }>();
  readonly #options: DashboardOptions;
  #settings: DashboardSettings = { dashboardPort: 0, redirectPort: 0 };
  #access: DashboardAccess | null = null;
  #open: OpenDashboard | null = null;
  #conflict: PortConflict | null = null;
  #hasWarned = false;
  #updating: Promise<void> | null = null;
  #cancelRetry: Disposer | null = null;
  #isStopped = false;

  constructor(options: DashboardOptions) {
    this.#options = options;
  }

  /** Why the dashboard cannot be shown; null if it is, or is switched off. */
  get conflict(): PortConflict | null {
    return this.#conflict;
  }

  /** Takes effect at once. */
  apply({ dashboardPort, redirectPort }: DashboardSettings): void {
    const previous = this.#settings;
    if (dashboardPort === previous.dashboardPort && redirectPort === previous.redirectPort) return;
    this.#settings = { dashboardPort, redirectPort };
    this.#update();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#update();
    await this.#updating;
  }

  get #wantedPort(): number | null {
    const { dashboardPort } = this.#settings;
    return this.#isStopped || dashboardPort === 0 || this.#isRedirectPort ? null : dashboardPort;
  }

  get #isRedirectPort(): boolean {
    const { dashboardPort, redirectPort } = this.#settings;
    return dashboardPort !== 0 && dashboardPort === redirectPort;
  }

  get #isUpToDate(): boolean {
    return (this.#open?.port ?? null) === this.#wantedPort;
  }

  #update(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    // A reconciliation that is under way sees the new settings.
    if (this.#updating !== null) return;
    if (this.#isUpToDate) this.#setConflict(this.#settingsConflict());
    else this.#updating = this.#reconcile();
  }

  async #reconcile(): Promise<void> {
    let conflict: PortConflict | null = null;
    while (!this.#isUpToDate) {
      if (this.#open !== null) {
        const { close } = this.#open;
        this.#open = null;
        await close();
        continue;
      }
      const port = this.#wantedPort;
      if (port === null) break;
      const result = await this.#openAt(port).catch((thrown: unknown) => asFault(thrown));
      if (!(result instanceof Fault)) {
        this.#open = result;
        this.#hasWarned = false;
      } else if (port === this.#wantedPort) {
        conflict = this.#handleFailure(port, result);
        this.#cancelRetry = this.#options.clock.schedule(RETRY_INTERVAL_MS, () => this.#update());
        break;
      }
    }
    this.#updating = null;
    this.#setConflict(conflict ?? this.#settingsConflict());
  }

  async #openAt(port: number): Promise<OpenDashboard> {
    const { services, listen, readAsset, file, pid, clock, crypto, logger } = this.#options;
    const { formatMetrics, readUsage } = this.#options;
    const page = await DashboardPage.load(readAsset, () => crypto.token(NONCE_BYTES));
    const access = (this.#access ??= new DashboardAccess(crypto));
    const feed = new DashboardFeed(services, clock);
    const history = new History(services, clock);
    const abort = new AbortController();
    const handler = new DashboardHandler({
      ...{ port, access, page, feed, history, services, formatMetrics, readUsage, clock, logger },
      signal: abort.signal,
    });
    const server = await listen(port, (request) => handler.handle(request));
    const url = `http://localhost:${port}/?key=${access.key}`;
    logger.info("To see the dashboard, open this page on this machine.", { url });
    const disposers = [
      this.#keepFile(`${JSON.stringify({ url, pid })}\n`),
      history.events.on("sampleTaken", (sample) => feed.sendSample(sample)),
      history.start(),
    ];
    return {
      port,
      close: async () => {
        abort.abort();
        for (const dispose of disposers) dispose();
        // First, because the worker that comes next on this port writes its own.
        const removed = file.remove();
        await server.close();
        // Afterwards, because a page that goes keeps the index of people for a while.
        handler.stop();
        await removed;
        logger.info("The dashboard is closed.", { port });
      },
    };
  }

  #keepFile(text: string): Disposer {
    const { file, clock } = this.#options;
    let isDisposed = false;
    let cancel: Disposer = () => undefined;
    const write = async (): Promise<void> => {
      const isWritten = await file.write(text);
      if (isDisposed) return;
      const intervalMs = isWritten ? FILE_INTERVAL_MS : FILE_RETRY_INTERVAL_MS;
      cancel = clock.schedule(intervalMs, () => void write());
    };
    void write();
    return () => {
      isDisposed = true;
      cancel();
    };
  }

  /** Other failures than a taken port are reported in the log alone. */
  #handleFailure(port: number, fault: Fault): PortConflict | null {
    if (fault.code === "portInUse")
      return { port, reason: fault.data.isReserved === true ? "reserved" : "used" };
    if (!this.#hasWarned) {
      this.#options.logger.warn(
        "The dashboard cannot be shown. Presence is not affected. The worker tries again every few seconds.",
        { port, ...faultFields(fault), error: fault },
      );
    }
    this.#hasWarned = true;
    return null;
  }

  #settingsConflict(): PortConflict | null {
    if (this.#isStopped || !this.#isRedirectPort) return null;
    return { port: this.#settings.dashboardPort, reason: "redirectPort" };
  }

  #setConflict(conflict: PortConflict | null): void {
    const previous = this.#conflict;
    if (conflict?.port === previous?.port && conflict?.reason === previous?.reason) return;
    this.#conflict = conflict;
    this.events.emit("conflictChanged");
  }
}
