import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { mixSeeds, seededRandom } from "../../simulator/random.js";
import { KEYRING_TOOLS, startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { hasTool } from "../support/required-tool-fixture.js";
import { FaultLane, Lock, type FaultRecord } from "./fault-lane.js";
import { FILE_FAULTS, PROCESS_FAULTS } from "./local-faults.js";
import type { HostOptions, SoakEvent, WebexInfo, WebexOptions } from "./messages.js";
import { Observations } from "./observations.js";
import { SoakProcess } from "./process-peer.js";
import { POLL_INTERVAL_SECONDS, SERVICE_FAULTS } from "./service-faults.js";
import type { SoakControls } from "./soak-fault.js";
import type { SoakOptions } from "./soak-options.js";
import { SoakSettings } from "./soak-settings.js";
import type { Falsehood } from "./truth-judge.js";

const PERSONS = 20_000;
const WATCHED = 2_000;
/** The watched, and those whom decisions are about. */
const FLIPPING = 2_500;
const FLIPS_PER_SECOND = 10;
const ACCESS_TOKEN_SECONDS = 20;
export const REQUESTS_PER_MINUTE = 120;
export const STALE_AFTER_SECONDS = 90;
/** Until the first pages have come, there is little to disturb. */
const CALM_START_MS = 15_000;
/** The faults end so early that everybody's presence is known again at the end. */
const CALM_END_MS = 60_000;
const EARLY_SHARE = 0.4;
const SETTLE_CHECK_MS = 1_000;
/** A whole sweep, twice, and what a restart of the last minute costs. */
const SETTLE_MS = 120_000;
const START_TIMEOUT_MS = 30_000;

/** One reading of the judge: what the host showed of the watched persons. */
export interface LightReading {
  readonly at: number;
  readonly known: number;
  readonly total: number;
  readonly medianAge: number | null;
  readonly p95Age: number | null;
}

export interface Judgment {
  readonly counts: Readonly<Record<string, number>>;
  readonly falsehoods: readonly Falsehood[];
  readonly falseCounts: Readonly<Record<string, number>>;
  readonly summaries: readonly LightReading[];
}

export interface SoakResult {
  readonly options: SoakOptions;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly secretStore: "keychain" | "memory";
  readonly observations: Observations;
  readonly faults: readonly FaultRecord[];
  readonly judgment: Judgment;
  readonly lights: readonly LightReading[];
  readonly kills: number;
  /** From the end of the faults until everybody was known; null if that was not reached. */
  readonly settledMs: number | null;
  /** What is wrong with the grant after all; null if it is good. */
  readonly grantFailure: string | null;
  readonly foreignRequests: number;
}

/** Runs the processes of one soak, and collects what they tell. */
export class Soak {
  readonly observations = new Observations();
  readonly faults: FaultRecord[] = [];
  readonly lights: LightReading[] = [];
  readonly #options: SoakOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "ucx-soak-"));
  readonly #webex = new SoakProcess("webex-process.js");
  readonly #host = new SoakProcess("host-process.js");
  readonly #judge = new SoakProcess("judge-process.js");
  #keyring: Keyring | null = null;
  /** Settles when the keyring runs, or cannot be started. */
  #keyringStart: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | null = null;
  #settings: SoakSettings | null = null;
  #judgment: Judgment = { counts: {}, falsehoods: [], falseCounts: {}, summaries: [] };
  #kills = 0;
  #startedAt = Date.now();
  #isStarted = false;

  constructor(options: SoakOptions) {
    this.#options = options;
    for (const child of [this.#webex, this.#host]) child.onEvent = (event) => this.#take(event);
  }

  get judgment(): Judgment {
    return this.#judgment;
  }

  /** Whether the worker polls, so that there is something to judge. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  #take(event: SoakEvent): void {
    this.observations.take(event);
    // The order of calls is the order in which the judge gets them.
    if (event.type === "truth") this.#tellJudge("learn", event);
    else if (event.type === "records") this.#tellJudge("receive", event);
    else if (event.type === "unsubscribed") this.#tellJudge("unsubscribe", event.uris);
    else if (event.type === "workerExited") this.#tellJudge("clear");
    else if (event.type === "stall") this.#tellJudge("excuse", event);
  }

  /** A judge that has ended fails the run when its judgment is read. */
  #tellJudge(method: string, ...args: readonly unknown[]): void {
    this.#judge.call(method, ...args).catch(() => undefined);
  }

  async run(): Promise<SoakResult> {
    await this.#start();
    const endsAt = this.#startedAt + this.#options.minutes * 60_000;
    await this.#makeFaults(endsAt - CALM_END_MS);
    const faultsEndedAt = Date.now();
    const settledMs = await this.#settle(endsAt, faultsEndedAt);
    this.observations.stopSampling();
    const endedAt = Date.now();
    const grantFailure = await this.#proveGrant();
    await delay(SETTLE_CHECK_MS);
    await this.readJudgment();
    return {
      ...{ options: this.#options, startedAt: this.#startedAt, endedAt, settledMs, grantFailure },
      ...{ observations: this.observations, faults: this.faults, lights: this.lights },
      ...{ judgment: this.#judgment, kills: this.#kills },
      secretStore: this.#keyring === null ? "memory" : "keychain",
      foreignRequests: await this.#webex.call<number>("foreignRequests"),
    };
  }

  async #start(): Promise<void> {
    const { seed } = this.#options;
    if (KEYRING_TOOLS.every(([program]) => hasTool(program))) await this.#startKeyring();
    const webexOptions: WebexOptions = {
      ...{ persons: PERSONS, flipping: FLIPPING, flipsPerSecond: FLIPS_PER_SECOND, seed },
      accessTokenSeconds: ACCESS_TOKEN_SECONDS,
    };
    const info = await this.#webex.call<WebexInfo>("start", webexOptions);
    const { people } = info;
    const staleAfterMs = STALE_AFTER_SECONDS * 1000;
    await this.#judge.call("start", { people, staleAfterMs });
    await this.#webex.call("changePresence", webexOptions);
    this.#settings = new SoakSettings(join(this.#folder, "Presence.ini"), [
      "WebexPresence.Enable=1",
      `WebexPresence.ApiUrl=${info.apiUrl}`,
      `WebexPresence.PollIntervalSeconds=${POLL_INTERVAL_SECONDS}`,
      `WebexPresence.RequestsPerMinute=${REQUESTS_PER_MINUTE}`,
      `WebexPresence.StaleAfterSeconds=${STALE_AFTER_SECONDS}`,
      "WebexPresence.Authorize=off",
    ]);
    await this.#settings.save();
    this.#allow("blocked");
    const hostOptions: HostOptions = {
      ...{ settingsPath: this.#settings.path, logDirectory: this.#logDirectory },
      ...{ env: this.#keyring?.env ?? {}, people, watched: WATCHED, seed },
      secretStore: this.#keyring === null ? "memory" : "keychain",
    };
    await this.#host.call("start", hostOptions);
    this.#startedAt = Date.now();
    await this.#host.call("authorize", { client: info.client, grant: info.grant });
    await this.#host.call("run");
    this.observations.startSampling();
    await this.#waitForPolling();
    this.#disallow("blocked");
    this.#isStarted = true;
  }

  async #startKeyring(): Promise<void> {
    const keyring = startKeyring();
    this.#keyringStart = keyring.catch(() => undefined);
    this.#keyring = await keyring;
  }

  get #logDirectory(): string {
    return join(this.#folder, "log");
  }

  async #waitForPolling(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (this.observations.statuses.at(-1)?.value.phase !== "polling") {
      if (Date.now() > deadline) throw new Error("The worker does not begin to poll.");
      await delay(50);
    }
  }

  async #makeFaults(until: number): Promise<void> {
    await delay(CALM_START_MS);
    const { seed, minutes } = this.#options;
    const common = {
      ...{ controls: this.#controls(), records: this.faults, until, settingsLock: new Lock() },
      earlyUntil: this.#startedAt + EARLY_SHARE * minutes * 60_000,
      viewSince: (at: number) => this.observations.viewSince(at),
      isHeard: () => this.observations.isHeard,
    };
    const lanes = [
      { faults: [...SERVICE_FAULTS, ...PROCESS_FAULTS], random: seededRandom(mixSeeds(seed, 5)) },
      { faults: FILE_FAULTS, random: seededRandom(mixSeeds(seed, 6)) },
    ];
    await Promise.all(lanes.map((lane) => new FaultLane({ ...common, ...lane }).run()));
  }

  #controls(): SoakControls {
    const settings = this.#settings;
    if (settings === null) throw new Error("The soak has not started.");
    let hostStoppedAt = 0;
    let workerStoppedAt = 0;
    return {
      ...{ settings, logDirectory: this.#logDirectory },
      random: seededRandom(mixSeeds(this.#options.seed, 7)),
      fail: (rule) => this.#webex.call("fail", rule),
      clearFaults: () => this.#webex.call("clearFaults"),
      set: (knobs) => this.#webex.call("set", knobs),
      expireAccessTokens: () => this.#webex.call("expireAccessTokens"),
      kill: async () => {
        await this.#webex.call("waitForTokensAtRest");
        this.#kills += 1;
        await this.#host.call("kill");
      },
      signalWorker: (signal) => {
        process.kill(this.observations.pid, signal);
        if (signal === "SIGSTOP") workerStoppedAt = Date.now();
        else this.#tellJudge("excuse", { from: workerStoppedAt, to: Date.now() });
      },
      signalHost: (signal) => {
        this.#host.kill(signal);
        if (signal === "SIGSTOP") hostStoppedAt = Date.now();
        else this.#tellJudge("excuse", { from: hostStoppedAt, to: Date.now() });
      },
      poll: async () => {
        await this.#host.call("request", { method: "worker/poll" });
      },
      allow: (reason) => this.#allow(reason),
      disallow: (reason) => this.#disallow(reason),
    };
  }

  #allow(reason: string): void {
    this.#tellJudge("allow", { reason, at: Date.now() });
  }

  #disallow(reason: string): void {
    this.#tellJudge("disallow", { reason, at: Date.now() });
  }

  /** Waits for the end, and until everybody's presence is known and true again. */
  async #settle(endsAt: number, faultsEndedAt: number): Promise<number | null> {
    let settledMs: number | null = null;
    while (Date.now() < endsAt || (settledMs === null && Date.now() < faultsEndedAt + SETTLE_MS)) {
      await delay(SETTLE_CHECK_MS);
      await this.readJudgment();
      const latest = this.lights.at(-1);
      if (latest === undefined || latest.at < faultsEndedAt) continue;
      if (latest.known === WATCHED) settledMs ??= latest.at - faultsEndedAt;
    }
    return settledMs;
  }

  /** Ends the worker and launches it anew: it must poll with what the keychain holds. */
  async #proveGrant(): Promise<string | null> {
    const list = await this.#host.call<{ authorizations: readonly { state: string }[] }>(
      "request",
      { method: "authorization/list" },
    );
    const states = list.authorizations.map(({ state }) => state).join();
    await this.#host.call("stop");
    if (states !== "valid") return `The list of authorizations says: ${states || "none"}.`;
    if (this.#keyring === null) return null;
    // So that the refresh token must be good, too.
    await this.#webex.call("expireAccessTokens");
    const since = Date.now();
    await this.#host.call("relaunch");
    const deadline = since + START_TIMEOUT_MS;
    const isAnswered = (): boolean =>
      this.observations.requests.some(
        ({ at, path, status }) => at > since && path === "/v1/people" && status === 200,
      );
    while (!isAnswered() && Date.now() < deadline) await delay(100);
    await this.#host.call("stop");
    return isAnswered() ? null : "A new worker with the same keychain gets no people.";
  }

  /** Asks the judge for its counts, and for what it saw since the last time. */
  async readJudgment(): Promise<Judgment> {
    this.#judgment = await this.#judge.call<Judgment>("read");
    this.lights.push(...this.#judgment.summaries);
    return this.#judgment;
  }

  /** Ends everything that was started, however far the run has come. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.observations.stopSampling();
    this.#host.kill("SIGCONT");
    this.#continueWorker();
    await this.#host.stop();
    await Promise.all([this.#webex.stop(), this.#judge.stop(), this.#keyringStart]);
    await this.#keyring?.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A worker that is stopped does not notice that its host has gone. */
  #continueWorker(): void {
    const { pid, exits, starts } = this.observations;
    if (pid === 0 || (exits.at(-1)?.at ?? 0) >= (starts.at(-1)?.at ?? 0)) return;
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It has just ended.
    }
  }
}
