import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReferenceHost } from "../reference-host.js";
import { WebexSimulator } from "../webex-simulator.js";
import type { DemoOptions } from "./demo-options.js";

export const ORGANIZATION = "Northwind Trading";
const PAGES_PER_SWEEP = 3;
const LATENCY_MS = 500;

/** Everything that the demo sets up and takes down: a simulated Webex, a temporary folder with a Presence.ini, a host with its worker. */
export class DemoEnvironment {
  readonly simulator: WebexSimulator;
  readonly host: ReferenceHost;
  readonly folder: string;
  readonly settingsPath: string;
  readonly #logDirectory: string;
  readonly #cleanUpAtExit = (): void => this.#cleanUpNow();

  /** Throws an Error for a manifest that is missing or that no host could launch. */
  constructor(manifestPath: string, options: DemoOptions) {
    if (!existsSync(manifestPath))
      throw new Error(`There is no ${manifestPath}: run "npm run build" first.`);
    this.folder = join(tmpdir(), `ucx-presence-demo-${randomUUID().slice(0, 8)}`);
    this.settingsPath = join(this.folder, "Presence.ini");
    this.#logDirectory = join(this.folder, "logs");
    this.simulator = new WebexSimulator({
      organizations: [
        {
          name: ORGANIZATION,
          domain: "northwind.example",
          persons: options.users,
          seed: options.seed,
        },
      ],
      speed: options.speed,
      // A few slow pages, as a large organization would have, so that the first sweep can be seen.
      maxPageSize: Math.min(1000, Math.ceil(options.users / PAGES_PER_SWEEP) + 1),
      latencyMs: LATENCY_MS,
    });
    this.host = new ReferenceHost({
      manifestPath,
      settingsPath: this.settingsPath,
      extraArgs: ["--secret-store", "memory", "--log-dir", this.#logDirectory],
      restart: false,
    });
    mkdirSync(this.folder, { mode: 0o700 });
    process.once("exit", this.#cleanUpAtExit);
  }

  /** Saves Presence.ini as an administrator would: other technologies' keys stand in it, too. */
  writeSettings(enable: 0 | 1): void {
    const lines = [
      "; Written by the demo. The worker only ever reads this file.",
      "MSTeamsPresence.Enable=0",
      `WebexPresence.Enable=${enable}`,
      "WebexPresence.PollIntervalSeconds=5",
      "WebexPresence.Authorize=off",
      `WebexPresence.ApiUrl=${this.simulator.apiUrl}`,
      "WebexPresence.Proxy=none",
    ];
    writeFileSync(this.settingsPath, `${lines.join("\r\n")}\r\n`);
  }

  /** How many secrets Webex gave out, and how many of them stand in what the worker answered or wrote, or in `shown`. */
  searchForSecrets(displayedText: string): { readonly issued: number; readonly found: number } {
    const { transcript } = this.host;
    const texts = [
      displayedText,
      transcript.text("stdout"),
      transcript.text("stderr"),
      ...this.#readWorkerFiles(),
    ];
    const issued = [...this.simulator.issuedSecrets];
    return {
      issued: issued.length,
      found: issued.filter((secret) => texts.some((text) => text.includes(secret))).length,
    };
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

  /** What can still be done while the process exits. */
  #cleanUpNow(): void {
    this.host.kill();
    this.#removeFolder();
  }

  #removeFolder(): void {
    try {
      // Windows keeps a file for a moment after the process that had it open is gone.
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    } catch {
      process.stderr.write(`The temporary folder ${this.folder} could not be removed.\n`);
    }
  }
}
