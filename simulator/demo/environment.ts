import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PresenceTableModel } from "../../src/cli/terminal/presence-table.js";
import { type RefreshedPresence, RpcError } from "../../src/client/client.js";
import { ReferenceHost } from "../reference-host.js";
import { WebexSimulator, type IssuedGrant } from "../webex-simulator.js";

export type PresenceRecord = PresenceTableModel["records"][number];

export const ORGANIZATION = "Northwind Trading";
const PAGES_PER_SWEEP = 3;
const LATENCY_MS = 500;
const MAX_LIST_LIMIT = 5000;

/** Everything that the demo sets up: a simulated Webex, a temporary folder, a host and a worker. */
export class DemoEnvironment {
  readonly simulator: WebexSimulator;
  readonly host: ReferenceHost;
  readonly worker: DemoWorker;
  readonly settingsPath: string;
  readonly #folder: string;
  readonly #logDirectory: string;
  /** All that can still be done when the process exits. */
  readonly #cleanUpAtExit = (): void => {
    this.host.kill();
    this.#removeFolder();
  };

  /** Throws an Error if the manifest is missing or cannot be launched. */
  constructor(
    manifestPath: string,
    options: { readonly users: number; readonly seed: number; readonly speed: number },
  ) {
    if (!existsSync(manifestPath)) {
      throw new Error(
        `${manifestPath} does not exist. Unpack the release again; in the sources, run "npm run build" first.`,
      );
    }
    this.#folder = join(tmpdir(), `ucx-presence-demo-${randomUUID().slice(0, 8)}`);
    this.settingsPath = join(this.#folder, "Presence.ini");
    this.#logDirectory = join(this.#folder, "logs");
    const { users: persons, seed, speed } = options;
    this.simulator = new WebexSimulator({
      organizations: [{ name: ORGANIZATION, domain: "northwind.example", persons, seed }],
      speed,
      // A few slow pages, as in a large organization, so that the first sweep is visible.
      maxPageSize: Math.min(1000, Math.ceil(persons / PAGES_PER_SWEEP) + 1),
      latencyMs: LATENCY_MS,
    });
    this.host = new ReferenceHost({
      manifestPath,
      settingsPath: this.settingsPath,
      extraArgs: ["--secret-store", "memory", "--log-dir", this.#logDirectory],
      restart: false,
    });
    this.worker = new DemoWorker(this.host);
    mkdirSync(this.#folder, { mode: 0o700 });
    process.once("exit", this.#cleanUpAtExit);
  }

  /** Writes Presence.ini as an administrator would, with a key of another technology. */
  writeSettings(enable: 0 | 1, requestsPerMinute: number): void {
    const lines = [
      "; Written by the demo. The worker only reads this file.",
      "MSTeamsPresence.Enable=0",
      `WebexPresence.Enable=${enable}`,
      "WebexPresence.PollIntervalSeconds=5",
      `WebexPresence.RequestsPerMinute=${requestsPerMinute}`,
      "WebexPresence.Authorize=off",
      `WebexPresence.ApiUrl=${this.simulator.apiUrl}`,
      "WebexPresence.Proxy=none",
    ];
    writeFileSync(this.settingsPath, `${lines.join("\r\n")}\r\n`);
  }

  /** Counts the issued secrets, and those found in the worker's output or in `displayedText`. */
  searchForSecrets(displayedText: string): { readonly issued: number; readonly found: number } {
    const { transcript } = this.host;
    const streams = [transcript.text("stdout"), transcript.text("stderr")];
    const texts = [displayedText, ...streams, ...this.#readWorkerFiles()];
    const issued = [...this.simulator.issuedSecrets];
    const found = issued.filter((secret) => texts.some((text) => text.includes(secret)));
    return { issued: issued.length, found: found.length };
  }

  async dispose(): Promise<void> {
    await this.host.shutdown();
    await this.simulator.stop();
    this.#removeFolder();
    process.off("exit", this.#cleanUpAtExit);
  }

  #readWorkerFiles(): string[] {
    if (!existsSync(this.#logDirectory)) return [];
    return readdirSync(this.#logDirectory).map((name) =>
      readFileSync(join(this.#logDirectory, name), "utf8"),
    );
  }

  #removeFolder(): void {
    try {
      // Windows keeps a file open for a moment after the process that opened it has exited.
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    } catch {
      process.stderr.write(`Cannot remove the temporary folder ${this.#folder}.\n`);
    }
  }
}

/** The members of `worker/status` that the demo shows. */
export interface DemoStatus {
  readonly phase: string;
  readonly problems: readonly {
    readonly severity: string;
    readonly message: string;
    readonly hint: string;
  }[];
  readonly organizations: readonly {
    readonly persons: number;
    readonly lastSweep: {
      readonly seconds: number;
      readonly persons: number;
      readonly requests: number;
    } | null;
    readonly sweepProgress: { readonly persons: number } | null;
    readonly requests: {
      readonly perMinuteLimit: number;
      readonly lastMinute: number;
      readonly total: number;
    };
  }[];
}

/** The worker's methods that the demo calls. They throw an Error that names the method. */
class DemoWorker {
  readonly #host: ReferenceHost;

  constructor(host: ReferenceHost) {
    this.#host = host;
  }

  initialize(): Promise<{ readonly name: string; readonly version: string }> {
    return this.#named("initialize", () =>
      this.#host.initialize({
        host: { name: "Demo host", version: "2026.Winter.1", licensed: true },
        attendantConsole: { version: "2026.Winter.1" },
      }),
    );
  }

  async setClient(client: {
    readonly clientId: string;
    readonly clientSecret: string;
  }): Promise<void> {
    await this.#call("authorization/setClient", client);
  }

  importGrant({
    orgId: _orgId,
    ...grant
  }: IssuedGrant): Promise<{ readonly orgName: string; readonly authorizedBy: string }> {
    return this.#call("authorization/import", grant);
  }

  async subscribe(uris: readonly string[]): Promise<readonly PresenceRecord[]> {
    return (await this.#call<{ records: PresenceRecord[] }>("presence/subscribe", { uris }))
      .records;
  }

  async getMany(uris: readonly string[]): Promise<readonly PresenceRecord[]> {
    return (await this.#call<{ records: PresenceRecord[] }>("presence/getMany", { uris })).records;
  }

  /** Asks for somebody's presence as a console does before a transfer. */
  refresh(uri: string): Promise<RefreshedPresence> {
    return this.#named("presence/get", () => this.#host.refresh(uri, { maxAgeSeconds: 0 }));
  }

  status(): Promise<DemoStatus> {
    return this.#call("worker/status");
  }

  /** The number of persons in each state, over everyone known. */
  async totals(): Promise<PresenceTableModel["totals"]> {
    const counts = new Map<PresenceRecord["state"], number>();
    let cursor: string | null = null;
    do {
      const page: { records: PresenceRecord[]; nextCursor: string | null } = await this.#call(
        "presence/list",
        { limit: MAX_LIST_LIMIT, ...(cursor === null ? {} : { cursor }) },
      );
      for (const { state } of page.records) counts.set(state, (counts.get(state) ?? 0) + 1);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return counts;
  }

  #call<Result>(method: string, params?: object): Promise<Result> {
    return this.#named(method, () => this.#host.request(method, params) as Promise<Result>);
  }

  async #named<Result>(method: string, request: () => Promise<Result>): Promise<Result> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const message = `The worker rejected ${method}: ${error.message} (${error.code}).`;
      throw new Error(message, { cause: error });
    }
  }
}
