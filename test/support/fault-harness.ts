import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { saysStatus } from "./presence-states-fixture.js";
import { PresenceTruth } from "./presence-truth-fixture.js";
import { cpuShare, processUsage, type ProcessUsage } from "./process-usage-fixture.js";
import type { PresenceRecord, Status, WorkerHarness } from "./worker-harness.js";

/** A row of the fault matrix: phrases for its table, and the trial that proves them. */
export interface Fault {
  /** What happens. Unique in the matrix. */
  readonly fault: string;
  /** How the trial makes it happen. */
  readonly made: string;
  /** What the host, the records, the status and the log show meanwhile. */
  readonly shown: string;
  /** How it ends, and when the worker has recovered. */
  readonly heals: string;
  /** Why this machine cannot make it, or null. A reason fails the trial if CI is set. */
  readonly missing?: string | null;
  /** Default: a minute. */
  readonly timeoutMs?: number;
  readonly run: (trial: FaultTrial) => Promise<void>;
}

/** The interval of `WorkerHarness`. */
const INTERVAL_MS = 5_000;
/**
 * The worker promises to recover within one poll interval. Intervals vary by a fifth, and the
 * request that proves the recovery takes its time, too, on a busy machine.
 */
const RECOVERY_LIMIT_MS = 1.2 * INTERVAL_MS + 1_500;
const SAMPLE_INTERVAL_MS = 500;
const MAX_CPU_SHARE = 0.05;
/** Shorter than this, one garbage collection decides the share. */
const MIN_CPU_WINDOW_MS = 4_000;
const MAX_GROWTH_BYTES = 96 * 2 ** 20;
const DEFAULT_STALE_AFTER_SECONDS = 180;
const WATCHED = 4;
const IGNORED_PROBLEMS = ["memorySecretStore", "freshnessMissed"];

/** Defines a test for each row of one part of the fault matrix. */
export function describeFaults(part: string, faults: readonly Fault[]): void {
  describe(`faults: ${part}`, () => {
    for (const fault of faults) {
      const { missing = null, timeoutMs = 60_000 } = fault;
      it(fault.fault, async function () {
        if (missing !== null) {
          expect(process.env.CI, missing).to.equal(undefined);
          record(part, fault, `left out: ${missing}`);
          this.skip();
        }
        this.timeout(timeoutMs);
        const trial = new FaultTrial();
        let result = "FAILED";
        try {
          await fault.run(trial);
          result = trial.finish();
        } finally {
          record(part, fault, result);
          await trial.stop();
        }
      });
    }
  });
}

/** Appends a row to the file that FAULT_RESULTS names, for `scripts/faults.mjs`. */
function record(part: string, { fault, made, shown, heals }: Fault, measured: string): void {
  const path = process.env.FAULT_RESULTS;
  if (path === undefined) return;
  appendFileSync(path, `${JSON.stringify({ part, fault, made, shown, heals, measured })}\n`);
}

/** From the file and not from the status: the worker may not say itself how old is too old. */
async function readStaleAfterSeconds(settingsPath: string): Promise<number> {
  const text = await readFile(settingsPath, "latin1");
  const value = /^WebexPresence\.StaleAfterSeconds=(\d+)/m.exec(text)?.[1];
  return value === undefined ? DEFAULT_STALE_AFTER_SECONDS : Number(value);
}

/**
 * One trial: watches a worker from `watch` on, and fails it for what no fault may cause: a crash, a
 * false record, memory or processor time without a limit.
 */
export class FaultTrial {
  #harness: WorkerHarness | null = null;
  #truth: PresenceTruth | null = null;
  #watched: readonly string[] = [];
  #timer: NodeJS.Timeout | null = null;
  #pid: number | null = null;
  #mayExit = false;
  #maxGrowthBytes = MAX_GROWTH_BYTES;
  #baseline: ProcessUsage | null = null;
  #latest: ProcessUsage | null = null;
  #waitingSince: ProcessUsage | null = null;
  #endedAt: number | null = null;
  #notificationsSeen = 0;
  readonly #clockOffsets = [0];
  readonly #violations = new Set<string>();
  readonly #measured: string[] = [];
  readonly #cleanups: (() => Promise<unknown>)[] = [];

  /** Runs after the trial, even if it fails, before the worker is stopped. */
  cleanUp(action: () => unknown): void {
    this.#cleanups.unshift(async () => action());
  }

  /**
   * Takes a worker that polls: subscribes to everyone, and compares what the worker says of a few
   * persons with the truth from now on. `longestRequestMs`: how old a response may be that the
   * trial delays.
   */
  async watch(harness: WorkerHarness, longestRequestMs?: number): Promise<void> {
    this.#harness = harness;
    const { webex } = harness;
    webex.set({ speed: 0 });
    const staleAfterSeconds = await readStaleAfterSeconds(harness.settingsPath);
    const truth = new PresenceTruth(webex, staleAfterSeconds, longestRequestMs);
    this.#truth = truth;
    this.#watched = webex
      .people(0)
      .slice(0, WATCHED)
      .map(({ emails }) => emails[0] ?? "");
    for (const uri of this.#watched) truth.set(uri, "active");
    await harness.host.request("presence/subscribe", { all: true });
    await harness.waitFor(
      "the truth about the watched persons",
      async () => {
        const records = await this.#records();
        return records.every((each) => saysStatus(each, "active")) ? true : null;
      },
      3 * INTERVAL_MS,
    );
    this.#pid = harness.host.pid;
    this.#baseline = this.#usage();
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_INTERVAL_MS);
  }

  get harness(): WorkerHarness {
    if (this.#harness === null) throw new Error("The trial watches no worker.");
    return this.#harness;
  }

  /** Addresses whose truth the trial keeps; set it with `setStatus`. */
  get watched(): readonly string[] {
    return this.#watched;
  }

  setStatus(uri: string, status: string | null): void {
    this.#truth?.set(uri, status);
  }

  /** The fault is part of a process's end: `host` restarts it, or the trial launches another. */
  allowExit(): void {
    this.#mayExit = true;
  }

  /** After `allowExit`: goes on with the process that the host has launched meanwhile. */
  async followRestart(): Promise<void> {
    this.#pid = this.harness.host.pid;
    this.#baseline = this.#usage();
    await this.harness.host.request("presence/subscribe", { all: true });
  }

  /** More than 96 MiB of growth is what this fault may cost. */
  allowGrowth(bytes: number): void {
    this.#maxGrowthBytes = bytes;
  }

  /** The worker's wall clock may be so much ahead of the trial's from now on. */
  allowClockOffset(offsetMs: number): void {
    this.#clockOffsets.push(offsetMs);
  }

  /** From here to `end`, the worker may use 5 % of a processor. */
  beginWaiting(): void {
    this.#waitingSince = this.#usage();
  }

  /** Waits for a problem whose message matches, and for the log's record of it. */
  async expectProblem(code: string, text = /./, timeoutMs = 20_000): Promise<void> {
    const find = ({ problems }: Status) =>
      problems.find((problem) => problem.code === code && text.test(problem.message));
    const problem = await this.harness.waitFor(
      `the problem ${code} with ${String(text)}`,
      async () => find(await this.harness.status()) ?? null,
      timeoutMs,
    );
    expect(problem.hint, "the hint").to.match(/\w/);
    // The log takes another pipe than the status.
    await this.harness.waitFor(`${code} in the log`, async () =>
      (await this.log()).includes(`"${code}"`) ? true : null,
    );
  }

  /** Presence follows Webex during the fault, too: the watched persons become `status`. */
  async expectPresence(status = "call", timeoutMs = RECOVERY_LIMIT_MS): Promise<void> {
    for (const uri of this.#watched) this.setStatus(uri, status);
    await this.harness.waitFor(
      `the status ${status} of everyone watched`,
      async () => {
        const records = await this.#records();
        return records.every((each) => saysStatus(each, status)) ? true : null;
      },
      timeoutMs,
    );
  }

  /** Everything that the worker has logged to stderr. */
  log(): Promise<string> {
    return Promise.resolve(this.harness.host.transcript.text("stderr"));
  }

  /** The text of a file in the log folder; empty if there is none. */
  readLogFolder(name: string): Promise<string> {
    return readFile(join(this.harness.logDirectory, name), "utf8").catch(() => "");
  }

  /** The present records of the watched addresses. */
  async #records(): Promise<PresenceRecord[]> {
    const params = { uris: this.#watched };
    const answer = await this.harness.host.request("presence/getMany", params);
    return (answer as { records: PresenceRecord[] }).records;
  }

  /** Ends the cause: `action`, or what has just ended by itself. */
  async end(action: () => unknown = () => undefined): Promise<void> {
    const usage = this.#usage();
    if (this.#waitingSince !== null && usage !== null) {
      const waitedMs = usage.at - this.#waitingSince.at;
      const share = cpuShare(this.#waitingSince, usage);
      this.#waitingSince = null;
      if (waitedMs >= MIN_CPU_WINDOW_MS) {
        this.measure(`${(100 * share).toFixed(1)} % of a processor while waiting`);
        if (share > MAX_CPU_SHARE)
          this.#violations.add(`It used ${(100 * share).toFixed(0)} % CPU.`);
      }
    }
    for (const uri of this.#watched) this.setStatus(uri, "meeting");
    await action();
    this.#endedAt = performance.now();
  }

  /**
   * Waits until the worker has recovered from the end of the cause: no problem is left and every
   * watched record is what Webex says now. `limitMs`: where the promise is not one interval.
   */
  async expectRecovery(limitMs = RECOVERY_LIMIT_MS): Promise<void> {
    const endedAt = this.#endedAt ?? performance.now();
    await this.harness.waitFor(
      "the recovery",
      async () => {
        const { problems } = await this.harness.status();
        const isQuiet = problems.every(({ code }) => IGNORED_PROBLEMS.includes(code));
        if (!isQuiet) return null;
        const records = await this.#records();
        return records.every((each) => saysStatus(each, "meeting")) ? true : null;
      },
      limitMs + 10_000,
    );
    const tookMs = performance.now() - endedAt;
    this.measure(`recovered in ${(tookMs / 1000).toFixed(1)} s`);
    if (tookMs > limitMs)
      this.#violations.add(
        `The recovery took ${(tookMs / 1000).toFixed(1)} s, not ${limitMs / 1000}.`,
      );
  }

  /** Lets the fault last. */
  async last(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Adds a phrase to the row's last column. */
  measure(phrase: string): void {
    this.#measured.push(phrase);
  }

  /** Returns the last column. Throws if the worker did what no fault may cause. */
  finish(): string {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#checkProcess();
    expect([...this.#violations], "what no fault may cause").to.deep.equal([]);
    return this.#measured.join(", ");
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const cleanUp of this.#cleanups) await cleanUp();
    await this.#harness?.stop();
  }

  #usage(): ProcessUsage | null {
    const usage = this.#pid === null ? null : processUsage(this.#pid);
    if (usage !== null) this.#latest = usage;
    return usage;
  }

  async #sample(): Promise<void> {
    this.#usage();
    const notifications = this.harness.notifications.slice(this.#notificationsSeen);
    this.#notificationsSeen += notifications.length;
    for (const { method, params } of notifications) {
      if (method !== "presence/changed") continue;
      for (const change of (params as { changes: PresenceRecord[] }).changes)
        this.#checkRecord(change);
    }
    // A worker that has just exited answers nothing.
    const records = await this.#records().catch(() => []);
    for (const each of records) this.#checkRecord(each);
  }

  #checkRecord(each: PresenceRecord): void {
    const observed = each.observedAt === null ? null : Date.parse(each.observedAt);
    const falsehoods = this.#clockOffsets.map((offsetMs) => {
      const observedAt = observed === null ? null : new Date(observed - offsetMs).toISOString();
      return this.#truth?.falsehoodOf({ ...each, observedAt }) ?? null;
    });
    const [falsehood = null] = falsehoods;
    if (falsehood !== null && !falsehoods.includes(null)) this.#violations.add(falsehood);
  }

  #checkProcess(): void {
    if (!this.#mayExit && this.#pid !== null && this.harness.host.pid !== this.#pid)
      this.#violations.add("The worker exited.");
    if (this.#baseline === null || this.#latest === null) return;
    const growth = this.#latest.peakResidentBytes - this.#baseline.residentBytes;
    if (growth > this.#maxGrowthBytes)
      this.#violations.add(`It grew by ${Math.round(growth / 2 ** 20)} MiB.`);
  }
}
