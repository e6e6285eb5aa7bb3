import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { type PendingRequest, ReferenceHost } from "../../simulator/reference-host.js";
import type { LoggedRequest } from "../../simulator/request-log.js";
import { WebexSimulator, type SimulatorOptions } from "../../simulator/webex-simulator.js";

export const MANIFEST = "plugin.manifest.json";

export interface WorkerHarnessOptions extends Partial<SimulatorOptions> {
  /** Lines of Presence.ini after the harness's own. */
  readonly ini?: readonly string[];
  readonly enable?: 0 | 1;
  readonly secretStore?: "memory" | "keychain";
  readonly env?: Readonly<Record<string, string>>;
  readonly restart?: boolean;
  readonly extraArgs?: readonly string[];
  readonly hostPid?: number | null;
  readonly ownProcessGroup?: boolean;
  /** Replaces the manifest's command, for example with a script that limits the process. */
  readonly command?: string;
  /** The path of Presence.ini in the harness's folder, for example with a folder of its own. */
  readonly settingsName?: string;
  /** Default: that of the sources, with the built worker. */
  readonly manifestPath?: string;
  /** Serves the simulated Webex over https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The built worker, launched by the reference host, a simulated Webex and a temporary folder. */
export class WorkerHarness {
  readonly webex: WebexSimulator;
  readonly folder: string;
  readonly settingsPath: string;
  readonly logDirectory: string;
  readonly host: ReferenceHost;
  readonly notifications: { readonly method: string; readonly params: unknown }[] = [];
  readonly #options: WorkerHarnessOptions;

  private constructor(webex: WebexSimulator, folder: string, options: WorkerHarnessOptions) {
    this.webex = webex;
    this.folder = folder;
    this.#options = options;
    this.settingsPath = join(folder, options.settingsName ?? "Presence.ini");
    this.logDirectory = join(folder, "log");
    this.host = this.newHost();
  }

  static async start(options: WorkerHarnessOptions = {}): Promise<WorkerHarness> {
    const {
      ini: _ini,
      enable: _enable,
      secretStore: _store,
      env: _env,
      restart: _restart,
      extraArgs: _args,
      hostPid: _pid,
      ownProcessGroup: _group,
      command: _command,
      settingsName: _name,
      manifestPath: _manifest,
      tls,
      ...webexOptions
    } = options;
    const webex = new WebexSimulator({
      organizations: [{ name: "Example Ltd", persons: 30, seed: 7 }],
      ...webexOptions,
    });
    await webex.start(tls === undefined ? {} : { tls });
    const harness = new WorkerHarness(webex, await mkdtemp(join(tmpdir(), "ucx-worker-")), options);
    await mkdir(dirname(harness.settingsPath), { recursive: true });
    await harness.writeSettings(options.enable ?? 0, options.ini);
    await harness.host.start();
    return harness;
  }

  /** A worker that polls all organizations of the simulator and has completed their first sweep. */
  static async startPolling(options: WorkerHarnessOptions = {}): Promise<WorkerHarness> {
    const harness = await WorkerHarness.start({ enable: 1, ...options });
    for (const { index } of harness.webex.organizations) await harness.authorize(index);
    await harness.waitForSweep();
    return harness;
  }

  /** Creates another host with the same settings, for example after a crash. */
  newHost(): ReferenceHost {
    const options = this.#options;
    const { env, restart, extraArgs, hostPid, secretStore, command, manifestPath } = options;
    const { ownProcessGroup = false } = options;
    const host = new ReferenceHost({
      manifestPath: manifestPath ?? MANIFEST,
      settingsPath: this.settingsPath,
      extraArgs: [
        "--secret-store",
        secretStore ?? "memory",
        "--log-dir",
        this.logDirectory,
        ...(extraArgs ?? []),
      ],
      restart: restart ?? false,
      ownProcessGroup,
      ...(env === undefined ? {} : { env }),
      ...(hostPid === undefined ? {} : { hostPid }),
      ...(command === undefined ? {} : { command }),
    });
    host.on("notification", (method, params) => this.notifications.push({ method, params }));
    return host;
  }

  settingsText(enable: 0 | 1, lines: readonly string[] = []): string {
    return [
      `WebexPresence.Enable=${enable}`,
      `WebexPresence.ApiUrl=${this.webex.apiUrl}`,
      "WebexPresence.PollIntervalSeconds=5",
      "WebexPresence.Authorize=off",
      ...lines,
      "",
    ].join("\r\n");
  }

  async writeSettings(
    enable: 0 | 1,
    lines: readonly string[] = this.#options.ini ?? [],
  ): Promise<void> {
    await writeFile(this.settingsPath, this.settingsText(enable, lines));
  }

  /** Sets the client and imports a grant. Returns the id of the organization. */
  async authorize(orgIndex = 0, host = this.host): Promise<string> {
    await host.request("authorization/setClient", this.webex.client);
    const { orgId, ...grant } = this.webex.issueGrant({ orgIndex });
    await host.request("authorization/import", grant);
    return orgId;
  }

  status(host = this.host): Promise<Status> {
    return host.request("worker/status") as Promise<Status>;
  }

  async get(uri: string, maxWaitMs = 0): Promise<Record<string, unknown>> {
    return (await this.host.request("presence/get", { uri, maxWaitMs })) as Record<string, unknown>;
  }

  /**
   * Calls `presence/get` as a host does that has to decide now, and measures how long the answer
   * takes. Cancel it through `request`.
   */
  decide(uri: string, params: { maxAgeSeconds?: number; maxWaitMs?: number } = {}): Decision {
    const calledAt = Date.now();
    const request = this.host.request("presence/get", { uri, maxAgeSeconds: 0, ...params });
    const answer = request.then((record) => {
      return { record: record as PresenceRecord, calledAt, elapsedMs: Date.now() - calledAt };
    });
    return Object.assign(answer, { request });
  }

  /** The requests with a bearer token since a mark: those that count towards a limit. */
  countedRequests(mark = 0): LoggedRequest[] {
    return this.webex.requestsSince(mark, { bearer: true });
  }

  /** The records of an address in all `presence/changed` so far. */
  changesOf(uri: string): PresenceRecord[] {
    return this.notifications
      .filter(({ method }) => method === "presence/changed")
      .flatMap(({ params }) => (params as { changes: PresenceRecord[] }).changes)
      .filter((change) => change.uri === uri);
  }

  /** Waits until each organization has completed a sweep that started at `since` or later. */
  waitForSweep(since = 0, timeoutMs?: number): Promise<Status> {
    return this.waitFor(
      "a complete sweep of each organization",
      async () => {
        const status = await this.status();
        const sweeps = status.organizations.map(({ lastSweep }) => lastSweep);
        const areComplete = sweeps.every((s) => s !== null && Date.parse(s.startedAt) >= since);
        return sweeps.length > 0 && areComplete ? status : null;
      },
      timeoutMs,
    );
  }

  /** Polls `probe` until it returns anything but null. The error contains the last status. */
  async waitFor<T>(
    description: string,
    probe: () => Promise<T | null> | T | null,
    timeoutMs = 5_000,
  ): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const result = await probe();
      if (result !== null) return result;
      if (Date.now() > deadline) {
        const status = await this.status().catch((error: unknown) => error);
        throw new Error(
          `Timed out after ${timeoutMs} ms waiting for ${description}. Last status: ${JSON.stringify(status, null, 1)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  waitForPhase(expected: string, timeoutMs?: number): Promise<Status> {
    return this.waitFor(
      `phase ${expected}`,
      async () => {
        const status = await this.status();
        return status.phase === expected ? status : null;
      },
      timeoutMs,
    );
  }

  /** Everything that the worker has written: stdout, stderr and files. */
  async readAllOutput(): Promise<string> {
    const files = await Promise.all(
      ["worker.log", "status.json", "learned.json"].map((name) =>
        readFile(join(this.logDirectory, name), "utf8").catch(() => ""),
      ),
    );
    return [
      this.host.transcript.text("stdout"),
      this.host.transcript.text("stderr"),
      ...files,
    ].join("\n");
  }

  /** Checks that every status with phase `blocked` had a problem that says what to do. */
  #checkStatuses(): void {
    for (const { method, params } of this.notifications) {
      if (method !== "worker/statusChanged") continue;
      const status = params as Status;
      if (status.phase === "blocked" && !status.problems.some((p) => p.severity === "error")) {
        throw new Error(`Blocked without a problem of severity error: ${JSON.stringify(status)}`);
      }
    }
  }

  async stop(): Promise<void> {
    await this.host.shutdown();
    await this.webex.stop();
    // A worker that ends may still write to its log.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    this.#checkStatuses();
  }
}

export type Decision = Promise<{
  readonly record: PresenceRecord;
  /** Epoch milliseconds. */
  readonly calledAt: number;
  readonly elapsedMs: number;
}> & { readonly request: PendingRequest };

export interface PresenceRecord {
  readonly uri: string;
  readonly state: string;
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly reason: string | null;
  readonly webexStatus: string | null;
  readonly personId: string | null;
  readonly orgId: string | null;
  readonly observedAt: string | null;
}

export interface Status {
  readonly phase: string;
  readonly enabled: boolean;
  readonly pid: number;
  readonly settings: { readonly values: Readonly<Record<string, unknown>> };
  readonly problems: readonly {
    readonly code: string;
    readonly severity: string;
    readonly message: string;
    readonly hint: string;
    readonly orgId: string | null;
  }[];
  readonly organizations: readonly {
    readonly orgId: string;
    readonly persons: number;
    readonly watched: number;
    readonly lastSweep: {
      readonly startedAt: string;
      readonly persons: number;
      readonly requests: number;
    } | null;
    readonly requests: {
      readonly lastMinute: number;
      readonly total: number;
      readonly rateLimited: number;
    };
    readonly onDemand: {
      readonly lastMinute: number;
      readonly answeredInTime: number;
      readonly late: number;
    };
    readonly rateLimitedUntil: string | null;
    readonly nextRequestAt: string | null;
  }[];
}
