import { setTimeout as sleep } from "node:timers/promises";
import { totalsText, type PresenceTableModel } from "../../src/cli/terminal/presence-table.js";
import type { DemoOptions } from "./demo-options.js";
import { ORGANIZATION, type DemoEnvironment } from "./demo-stage.js";
import type { DemoView } from "./demo-view.js";
import { DemoWorker, type DemoStatus } from "./demo-worker.js";
import { PresenceHistory, type PresenceRecord } from "./presence-diary.js";

/** What a demo came to. */
export interface DemoOutcome {
  readonly persons: number;
  readonly watched: number;
  readonly changes: number;
  readonly requests: number;
}

const CHANGES_SHOWN_ONCE = 5;
const PEOPLE_IN_PLAIN_LINES = 20;
const TICK_MS = 250;
const STATUS_EVERY_TICKS = 4;
const STEP_PAUSE_MS = 900;
const STEPS_VISIBLE_MS = 15_000;
const READY_TIMEOUT_MS = 10_000;
const CHANGES_TIMEOUT_MS = 30_000;

/** The demo's story, told step by step into a view: from an empty folder to presence that changes. */
export class Demo {
  readonly #options: DemoOptions;
  readonly #environment: DemoEnvironment;
  readonly #view: DemoView;
  readonly #signal: AbortSignal;
  readonly #worker: DemoWorker;
  readonly #history = new PresenceHistory();
  readonly #steps: string[] = [];
  #status: DemoStatus | null = null;
  #totals: PresenceTableModel["totals"] = new Map();
  #lastStepAt = 0;
  #requests = 0;

  /** `signal` ends the demo; what it is aborted with is thrown by `run`. */
  constructor(
    options: DemoOptions,
    environment: DemoEnvironment,
    view: DemoView,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#view = view;
    this.#signal = signal;
    this.#worker = new DemoWorker(environment.host);
  }

  /** Runs until the signal, or with `once` until enough changes were shown. Throws an Error that says what went wrong. */
  async run(): Promise<void> {
    await this.#startWebex();
    await this.#launchWorker();
    await this.#authorize();
    await this.#subscribe();
    await this.#enable();
    await this.#followChanges();
  }

  get steps(): readonly string[] {
    return this.#steps;
  }

  get outcome(): DemoOutcome {
    const persons = this.#status?.organizations[0]?.persons ?? 0;
    return {
      persons,
      watched: this.#history.records.length,
      changes: this.#history.changeCount,
      requests: this.#requests,
    };
  }

  async #startWebex(): Promise<void> {
    const { url } = await this.#environment.simulator.start();
    await this.#step(
      `Started a simulated Webex at ${url} with the ${this.#options.users} people of ${ORGANIZATION}.`,
    );
    this.#environment.writeSettings(0);
    await this.#step(
      `Wrote ${this.#environment.settingsPath} with WebexPresence.Enable=0: the worker is to ask nobody yet.`,
    );
  }

  async #launchWorker(): Promise<void> {
    const { host } = this.#environment;
    host.on("notification", (method, params) => {
      if (method === "presence/changed")
        this.#applyChanges((params as { changes: PresenceRecord[] }).changes);
    });
    await host.start();
    const { name, version } = await this.#worker.initialize();
    await this.#waitUntil(
      "read its settings",
      READY_TIMEOUT_MS,
      ({ phase }) => phase !== "starting",
    );
    await this.#step(
      `Launched ${name} ${version} from plugin.manifest.json, as a UCX Presence host does. It keeps secrets in memory only (--secret-store memory): your keychain is left alone.`,
    );
  }

  async #authorize(): Promise<void> {
    const { simulator } = this.#environment;
    await this.#worker.setClient(simulator.client);
    const { orgName, authorizedBy } = await this.#worker.importGrant(simulator.issueGrant());
    await this.#step(
      `Authorized it for ${orgName}, with a grant of the simulated administrator ${authorizedBy}.`,
    );
  }

  async #subscribe(): Promise<void> {
    await this.#fillScreen();
    await this.#step(
      `Subscribed to ${this.#history.records.length} people, as an operator's console does: all unknown while presence is disabled.`,
    );
  }

  async #enable(): Promise<void> {
    this.#environment.writeSettings(1);
    this.#showStep(
      "Saved Presence.ini with WebexPresence.Enable=1: the worker notices and asks Webex for everyone.",
    );
    const isSwept = ({ organizations }: DemoStatus) =>
      (organizations[0]?.lastSweep ?? null) !== null && this.#history.isComplete;
    await this.#waitUntil("finish its first sweep", CHANGES_TIMEOUT_MS, isSwept);
    const sweep = this.#status?.organizations[0]?.lastSweep;
    this.#totals = await this.#worker.totals();
    await this.#step(
      `First sweep: ${sweep?.persons ?? 0} people in ${sweep?.requests ?? 0} requests and ${(sweep?.seconds ?? 0).toFixed(1)} s: ${totalsText(this.#totals)}.`,
    );
    await this.#step(
      `Polling every 5 s. The simulated day runs ${this.#options.speed} times as fast as ours; changes of state follow.`,
    );
  }

  async #followChanges(): Promise<void> {
    const deadline = Date.now() + CHANGES_TIMEOUT_MS;
    for (let tick = 1; ; tick++) {
      if (this.#options.once && this.#history.changeCount >= CHANGES_SHOWN_ONCE)
        return this.#refresh();
      if (this.#options.once && Date.now() > deadline) {
        throw new Error(
          `Only ${this.#history.changeCount} changes of state came within ${CHANGES_TIMEOUT_MS / 1000} s; a higher --speed or --watch makes more.${this.#problems()}`,
        );
      }
      if (tick % STATUS_EVERY_TICKS === 0) await this.#refresh();
      this.#render();
      await sleep(TICK_MS, undefined, { signal: this.#signal });
    }
  }

  /** Waits until the worker's status is as wished, showing what happens meanwhile. */
  async #waitUntil(
    goal: string,
    timeoutMs: number,
    isReached: (status: DemoStatus) => boolean,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      this.#status = await this.#worker.status();
      this.#render();
      if (isReached(this.#status)) return;
      if (Date.now() > deadline) {
        throw new Error(
          `The worker did not ${goal} within ${timeoutMs / 1000} s; it is ${this.#status.phase}.${this.#problems()}`,
        );
      }
      await sleep(TICK_MS / 5, undefined, { signal: this.#signal });
    }
  }

  async #refresh(): Promise<void> {
    await this.#fillScreen();
    this.#status = await this.#worker.status();
    this.#totals = await this.#worker.totals();
    this.#history.refresh(await this.#worker.getMany(this.#history.records.map(({ uri }) => uri)));
  }

  /** Subscribes to as many people as there is room for; a window may have grown. */
  async #fillScreen(): Promise<void> {
    const desired = this.#options.watch ?? this.#view.capacity ?? PEOPLE_IN_PLAIN_LINES;
    const watched = this.#history.records.length;
    if (desired <= watched || watched >= this.#options.users) return;
    const people = this.#environment.simulator.people().slice(watched, desired);
    const uris = people.flatMap(({ emails: [address] }) =>
      address === undefined ? [] : [address],
    );
    this.#history.add(await this.#worker.subscribe(uris));
  }

  #applyChanges(records: readonly PresenceRecord[]): void {
    for (const change of this.#history.applyChanges(records, Date.now()))
      this.#view.showChange(change);
    this.#render();
  }

  /** Tells a step, and lets somebody who reads along read it. */
  async #step(text: string): Promise<void> {
    this.#showStep(text);
    if (this.#view.isLive) await sleep(STEP_PAUSE_MS, undefined, { signal: this.#signal });
    this.#signal.throwIfAborted();
  }

  #showStep(text: string): void {
    const numbered = `${this.#steps.length + 1}. ${text}`;
    this.#steps.push(numbered);
    this.#lastStepAt = Date.now();
    this.#view.showStep(numbered);
    this.#render();
  }

  #render(): void {
    const now = Date.now();
    const organization = this.#status?.organizations[0];
    this.#requests = Math.max(this.#requests, organization?.requests.total ?? 0);
    const sweeping = organization?.lastSweep === null ? organization.sweepProgress : null;
    const visibleSteps =
      now - this.#lastStepAt < STEPS_VISIBLE_MS ? this.#steps : this.#steps.slice(-1);
    this.#view.render({
      now,
      title: `${ORGANIZATION} (simulated), secrets in memory`,
      summary: this.#figures(),
      notes: visibleSteps,
      sweep: sweeping && { persons: sweeping.persons, expected: this.#options.users },
      totals: this.#totals,
      records: this.#history.records,
      changes: this.#history.changes,
      footer: "FOR: in this state; AGE: since Webex told it. q or Ctrl+C ends.",
    });
  }

  #figures(): string {
    const requests = this.#status?.organizations[0]?.requests;
    const phase = this.#status?.phase ?? "not launched yet";
    return requests ? `${phase}, ${requests.lastMinute}/${requests.perMinuteLimit} req/min` : phase;
  }

  #problems(): string {
    const problems = this.#status?.problems.filter(({ severity }) => severity !== "info") ?? [];
    return problems.map(({ message, hint }) => ` ${message} ${hint}`).join("");
  }
}
