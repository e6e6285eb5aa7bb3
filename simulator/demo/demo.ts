import { setTimeout as sleep } from "node:timers/promises";
import { isPending, PresenceTracker } from "../../src/cli/presence-tracker.js";
import { changeText, displayNameOf, stateText } from "../../src/cli/terminal/presence-labels.js";
import {
  personCapacity,
  totalsText,
  type PresenceTableModel,
} from "../../src/cli/terminal/presence-table.js";
import type { PresenceView } from "../../src/cli/terminal/presence-view.js";
import {
  ORGANIZATION,
  type DemoEnvironment,
  type DemoStatus,
  type PresenceRecord,
} from "./environment.js";

export interface DemoOptions {
  /** Whether to stop after a few changes. */
  readonly once: boolean;
  readonly users: number;
  /** The number of people that the host subscribes to; null = as many as fit the screen. */
  readonly watch: number | null;
  readonly seed: number;
  /** The speed of simulated time, as a multiple of real time. */
  readonly speed: number;
}

const CHANGES_SHOWN_ONCE = 5;
const PEOPLE_IN_PLAIN_VIEW = 20;
const TICK_MS = 250;
const STATUS_EVERY_TICKS = 4;
const STEP_PAUSE_MS = 900;
const STEPS_VISIBLE_MS = 15_000;
const READY_TIMEOUT_MS = 10_000;
const CHANGES_TIMEOUT_MS = 30_000;
const NOTIFICATION_TIMEOUT_MS = 2000;
const REQUESTS_PER_MINUTE = 60;
/**
 * Few requests leave states out of date, as an organization of thousands does with the default
 * limit. Above three pages, the first sweep would take too long.
 */
const FEW_REQUESTS_PER_MINUTE = 20;
const MAX_USERS_WITH_FEW_REQUESTS = 2000;
/** How long a state that is out of date stays visible, as a share of the time between requests. */
const OUTDATED_SHARE = 1 / 4;

/** Runs the demo step by step, from an empty folder to changing presence. */
export class Demo {
  readonly #options: DemoOptions;
  readonly #environment: DemoEnvironment;
  readonly #view: PresenceView;
  readonly #signal: AbortSignal;
  readonly #tracker = new PresenceTracker();
  readonly #steps: string[] = [];
  #status: DemoStatus | null = null;
  #totals: PresenceTableModel["totals"] = new Map();
  #lastStepAt = 0;
  #changeCount = 0;
  #requests = 0;
  /** What `#decide` has shown. */
  #correction: { readonly outdatedSeconds: string; readonly answerSeconds: string } | null = null;

  constructor(
    options: DemoOptions,
    environment: DemoEnvironment,
    view: PresenceView,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#view = view;
    this.#signal = signal;
  }

  /**
   * Runs until the signal is aborted, and throws its reason; with `once`, returns after a few
   * changes. Throws an Error with a message for the user if a step fails.
   */
  async run(): Promise<void> {
    await this.#startWebex();
    await this.#launchWorker();
    await this.#authorize();
    await this.#subscribe();
    await this.#enable();
    await this.#decide();
    await this.#poll();
    await this.#followChanges();
  }

  get steps(): readonly string[] {
    return this.#steps;
  }

  get summary(): string {
    const persons = this.#status?.organizations[0]?.persons ?? 0;
    const { records } = this.#tracker;
    const parts = [
      `${persons} people known, ${records.length} watched, ${this.#changeCount} state changes`,
      `${this.#requests} requests to the simulated Webex`,
    ];
    if (this.#correction !== null) {
      const { outdatedSeconds, answerSeconds } = this.#correction;
      parts.push(
        `a state that was ${outdatedSeconds} s out of date corrected ${answerSeconds} s after the host asked`,
      );
    }
    return parts.join(", ");
  }

  async #startWebex(): Promise<void> {
    const { simulator, settingsPath } = this.#environment;
    const { url } = await simulator.start();
    await this.#step(
      `Started a simulated Webex at ${url} with ${this.#options.users} people in ${ORGANIZATION}.`,
    );
    this.#environment.writeSettings(0, this.#firstRequestsPerMinute);
    await this.#step(
      `Wrote ${settingsPath} with WebexPresence.Enable=0, so the worker does not contact Webex yet.`,
    );
  }

  async #launchWorker(): Promise<void> {
    const { host, worker } = this.#environment;
    host.on("notification", (method, params) => {
      if (method === "presence/changed") {
        this.#applyChanges((params as { changes: PresenceRecord[] }).changes);
      }
    });
    await host.start();
    const { name, version } = await worker.initialize();
    await this.#waitUntil("read its settings", READY_TIMEOUT_MS, (s) => s.phase !== "starting");
    await this.#step(
      `Launched ${name} ${version} from plugin.manifest.json, as a UCX Presence host does. Secrets stay in memory (--secret-store memory), and your keychain is not used.`,
    );
  }

  async #authorize(): Promise<void> {
    const { simulator, worker } = this.#environment;
    await worker.setClient(simulator.client);
    const { orgName, authorizedBy } = await worker.importGrant(simulator.issueGrant());
    await this.#step(
      `Authorized the worker for ${orgName} with a grant from the simulated administrator ${authorizedBy}.`,
    );
  }

  async #subscribe(): Promise<void> {
    await this.#fillScreen();
    await this.#step(
      `Subscribed to ${this.#tracker.records.length} people, as an attendant console does. Their presence is unknown while Enable is 0.`,
    );
  }

  async #enable(): Promise<void> {
    this.#environment.writeSettings(1, this.#firstRequestsPerMinute);
    this.#showStep(
      "Saved Presence.ini with WebexPresence.Enable=1. The worker notices the change and fetches everyone's presence.",
    );
    const isSwept = ({ organizations }: DemoStatus): boolean =>
      (organizations[0]?.lastSweep ?? null) !== null && !this.#tracker.records.some(isPending);
    await this.#waitUntil("finish its first sweep", CHANGES_TIMEOUT_MS, isSwept);
    const sweep = this.#status?.organizations[0]?.lastSweep;
    this.#totals = await this.#environment.worker.totals();
    await this.#step(
      `First sweep: ${sweep?.persons ?? 0} people in ${sweep?.requests ?? 0} requests and ${(sweep?.seconds ?? 0).toFixed(1)} s: ${totalsText(this.#totals)}.`,
    );
  }

  /**
   * Changes somebody's presence at the simulated Webex, and asks the worker about it as a console
   * does before a transfer, while the table still shows the previous state. Throws an Error if the
   * answer is not Webex's own, or not at once.
   */
  async #decide(): Promise<void> {
    const { simulator, worker } = this.#environment;
    this.#tracker.refresh(await worker.getMany(this.#tracker.records.map(({ uri }) => uri)));
    const before = selectColleague(this.#tracker.records);
    if (before === null) throw new Error("The demo watches nobody.");
    const { uri } = before;
    const [status, state] =
      before.state === "onCall" ? ["active", "available"] : ["call", "onCall"];
    simulator.setStatus(uri, status);
    const changedAt = Date.now();
    const name = displayNameOf(before);
    const age = secondsText(changedAt - Date.parse(before.observedAt ?? ""));
    await this.#step(
      `An operator is about to transfer a call to ${name}, whose status at Webex has just changed. The host still shows ${stateText(before)}, confirmed ${age} s ago.`,
    );
    const requestIntervalMs = 60_000 / this.#firstRequestsPerMinute;
    await sleep(requestIntervalMs * OUTDATED_SHARE, undefined, { signal: this.#signal });

    const answering = worker.refresh(uri);
    this.#render();
    const { record, isFresh, tookMs } = await answering;
    const outdatedSeconds = secondsText(Date.now() - changedAt);
    const answerSeconds = secondsText(tookMs);
    if (!isFresh || record.state !== state) {
      throw new Error(
        `The worker did not refresh ${name}: after ${answerSeconds} s, it answered ${stateText(record)}, confirmed at ${record.observedAt ?? "no time"}.${this.#problems()}`,
      );
    }
    await this.#waitUntil("notify the host of the change", NOTIFICATION_TIMEOUT_MS, () =>
      this.#tracker.records.some((each) => each.uri === uri && each.state === state),
    );
    this.#tracker.refresh([record]);
    this.#correction = { outdatedSeconds, answerSeconds };
    await this.#step(
      `The host asked for ${name} with maxAgeSeconds: 0. After ${answerSeconds} s, the worker answered ${stateText(record)}: the state had been out of date for ${outdatedSeconds} s.`,
    );
    simulator.release(uri);
  }

  async #poll(): Promise<void> {
    this.#environment.writeSettings(1, REQUESTS_PER_MINUTE);
    await this.#step(
      `Polling every 5 s, with at most ${REQUESTS_PER_MINUTE} requests a minute. Simulated time runs ${this.#options.speed} times as fast as real time.`,
    );
  }

  /** Until `#poll`. */
  get #firstRequestsPerMinute(): number {
    const hasFewPages = this.#options.users <= MAX_USERS_WITH_FEW_REQUESTS;
    return hasFewPages ? FEW_REQUESTS_PER_MINUTE : REQUESTS_PER_MINUTE;
  }

  async #followChanges(): Promise<void> {
    const deadline = Date.now() + CHANGES_TIMEOUT_MS;
    for (let tick = 1; ; tick++) {
      const changeCount = this.#changeCount;
      if (this.#options.once && changeCount >= CHANGES_SHOWN_ONCE) return this.#refresh();
      if (this.#options.once && Date.now() > deadline) {
        throw new Error(
          `Only ${changeCount} state changes within ${CHANGES_TIMEOUT_MS / 1000} s. Try a higher --speed or --watch.${this.#problems()}`,
        );
      }
      if (tick % STATUS_EVERY_TICKS === 0) await this.#refresh();
      this.#render();
      await sleep(TICK_MS, undefined, { signal: this.#signal });
    }
  }

  async #waitUntil(
    goal: string,
    timeoutMs: number,
    isReached: (status: DemoStatus) => boolean,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      this.#status = await this.#environment.worker.status();
      this.#render();
      if (isReached(this.#status)) return;
      if (Date.now() > deadline) {
        throw new Error(
          `The worker did not ${goal} within ${timeoutMs / 1000} s. Its phase is ${this.#status.phase}.${this.#problems()}`,
        );
      }
      await sleep(TICK_MS / 5, undefined, { signal: this.#signal });
    }
  }

  /** Fetches status, totals and the ages of records, and uses the space of a larger window. */
  async #refresh(): Promise<void> {
    const { worker } = this.#environment;
    await this.#fillScreen();
    this.#status = await worker.status();
    this.#totals = await worker.totals();
    this.#tracker.refresh(await worker.getMany(this.#tracker.records.map(({ uri }) => uri)));
  }

  /** Subscribes to as many people as fit. */
  async #fillScreen(): Promise<void> {
    const { rows } = this.#view;
    const desired = this.#options.watch ?? (rows > 0 ? personCapacity(rows) : PEOPLE_IN_PLAIN_VIEW);
    const watched = this.#tracker.records.length;
    if (desired <= watched || watched >= this.#options.users) return;
    const people = this.#environment.simulator.people().slice(watched, desired);
    const uris = people.flatMap(({ emails }) => emails.slice(0, 1));
    this.#tracker.add(await this.#environment.worker.subscribe(uris));
  }

  #applyChanges(records: readonly PresenceRecord[]): void {
    const { changes } = this.#tracker.apply(records, Date.now());
    this.#changeCount += changes.length;
    for (const change of changes) this.#view.log(`   ${changeText(change)}`, change.at);
    this.#render();
  }

  /** Shows a step and, in a live view, gives the user time to read it. */
  async #step(text: string): Promise<void> {
    this.#showStep(text);
    if (this.#view.rows > 0) await sleep(STEP_PAUSE_MS, undefined, { signal: this.#signal });
    this.#signal.throwIfAborted();
  }

  #showStep(text: string): void {
    const step = `${this.#steps.length + 1}. ${text}`;
    this.#steps.push(step);
    this.#lastStepAt = Date.now();
    this.#view.log(step);
    this.#render();
  }

  #render(): void {
    const now = Date.now();
    const organization = this.#status?.organizations[0];
    this.#requests = Math.max(this.#requests, organization?.requests.total ?? 0);
    const progress = organization?.lastSweep === null ? organization.sweepProgress : null;
    const showsAllSteps = now - this.#lastStepAt < STEPS_VISIBLE_MS;
    this.#view.render({
      now,
      title: `${ORGANIZATION} (simulated), secrets in memory`,
      summary: this.#summaryText(),
      notes: showsAllSteps ? this.#steps : this.#steps.slice(-1),
      sweep: progress && { persons: progress.persons, expected: this.#options.users },
      totals: this.#totals,
      problems: [],
      records: this.#tracker.records,
      repeatedNames: this.#tracker.repeatedNames,
      changes: this.#tracker.changes,
      filter: null,
      cursor: null,
      refreshing: this.#environment.host.refreshing,
      message: null,
      hasHelp: false,
    });
  }

  #summaryText(): string {
    const requests = this.#status?.organizations[0]?.requests;
    const phase = this.#status?.phase ?? "not launched";
    return requests ? `${phase}, ${requests.lastMinute}/${requests.perMinuteLimit} req/min` : phase;
  }

  #problems(): string {
    const problems = this.#status?.problems.filter(({ severity }) => severity !== "info") ?? [];
    return problems.map(({ message, hint }) => ` ${message} ${hint}`).join("");
  }
}

/** Somebody to whom a call can be transferred, if there is one. */
function selectColleague(records: readonly PresenceRecord[]): PresenceRecord | null {
  const confirmed = records.filter(({ observedAt }) => observedAt !== null);
  return confirmed.find(({ state }) => state === "available") ?? confirmed[0] ?? null;
}

function secondsText(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}
