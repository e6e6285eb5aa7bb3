import { setTimeout as sleep } from "node:timers/promises";
import { totalsText, type PresenceTableModel } from "../../src/cli/presence-table.js";
import type { DemoOptions } from "./demo-options.js";
import { ORGANIZATION, type DemoStage } from "./demo-stage.js";
import type { DemoView } from "./demo-view.js";
import { DemoWorker, type DemoStatus } from "./demo-worker.js";
import { PresenceDiary, type PresenceRecord } from "./presence-diary.js";

/** What a demo came to. */
export interface DemoOutcome {
  readonly persons: number;
  readonly watched: number;
  readonly changes: number;
  readonly requests: number;
}

const ENOUGH_CHANGES = 5;
const PEOPLE_IN_PLAIN_LINES = 20;
const TICK_MS = 250;
const STATUS_EVERY_TICKS = 4;
const STEP_PAUSE_MS = 900;
const STORY_STAYS_MS = 15_000;
const READY_WITHIN_MS = 10_000;
const CHANGES_WITHIN_MS = 30_000;

/** The demo's story, told step by step into a view: from an empty folder to presence that changes. */
export class Demo {
  readonly #options: DemoOptions;
  readonly #stage: DemoStage;
  readonly #view: DemoView;
  readonly #signal: AbortSignal;
  readonly #worker: DemoWorker;
  readonly #diary = new PresenceDiary();
  readonly #story: string[] = [];
  #status: DemoStatus | null = null;
  #totals: PresenceTableModel["totals"] = new Map();
  #toldAt = 0;
  #requests = 0;

  /** `signal` ends the demo; what it is aborted with is thrown by `run`. */
  constructor(options: DemoOptions, stage: DemoStage, view: DemoView, signal: AbortSignal) {
    this.#options = options;
    this.#stage = stage;
    this.#view = view;
    this.#signal = signal;
    this.#worker = new DemoWorker(stage.host);
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

  get story(): readonly string[] {
    return this.#story;
  }

  get outcome(): DemoOutcome {
    const persons = this.#status?.organizations[0]?.persons ?? 0;
    return { persons, watched: this.#diary.records.length, changes: this.#diary.changeCount, requests: this.#requests };
  }

  async #startWebex(): Promise<void> {
    const { url } = await this.#stage.simulator.start();
    await this.#tell(`Started a simulated Webex at ${url} with the ${this.#options.users} people of ${ORGANIZATION}.`);
    this.#stage.writeSettings(0);
    await this.#tell(`Wrote ${this.#stage.settingsPath} with WebexPresence.Enable=0: the worker is to ask nobody yet.`);
  }

  async #launchWorker(): Promise<void> {
    const { host } = this.#stage;
    host.on("notification", (method, params) => {
      if (method === "presence/changed") this.#take((params as { changes: PresenceRecord[] }).changes);
    });
    await host.start();
    const { name, version } = await this.#worker.initialize();
    await this.#until("read its settings", READY_WITHIN_MS, ({ phase }) => phase !== "starting");
    await this.#tell(
      `Launched ${name} ${version} from plugin.manifest.json, as a UCX Presence host does. It keeps secrets in memory only (--secret-store memory): your keychain is left alone.`,
    );
  }

  async #authorize(): Promise<void> {
    const { simulator } = this.#stage;
    await this.#worker.setClient(simulator.client);
    const { orgName, authorizedBy } = await this.#worker.importGrant(simulator.issueGrant());
    await this.#tell(`Authorized it for ${orgName}, with a grant of the simulated administrator ${authorizedBy}.`);
  }

  async #subscribe(): Promise<void> {
    await this.#fillScreen();
    await this.#tell(
      `Subscribed to ${this.#diary.records.length} people, as an operator's console does: all unknown while presence is disabled.`,
    );
  }

  async #enable(): Promise<void> {
    this.#stage.writeSettings(1);
    this.#say("Saved Presence.ini with WebexPresence.Enable=1: the worker notices and asks Webex for everyone.");
    const swept = ({ organizations }: DemoStatus) => (organizations[0]?.lastSweep ?? null) !== null && this.#diary.complete;
    await this.#until("finish its first sweep", CHANGES_WITHIN_MS, swept);
    const sweep = this.#status?.organizations[0]?.lastSweep;
    this.#totals = await this.#worker.totals();
    await this.#tell(
      `First sweep: ${sweep?.persons ?? 0} people in ${sweep?.requests ?? 0} requests and ${(sweep?.seconds ?? 0).toFixed(1)} s: ${totalsText(this.#totals)}.`,
    );
    await this.#tell(
      `Polling every 5 s. The simulated day runs ${this.#options.speed} times as fast as ours; changes of state follow.`,
    );
  }

  async #followChanges(): Promise<void> {
    const deadline = Date.now() + CHANGES_WITHIN_MS;
    for (let tick = 1; ; tick++) {
      if (this.#options.once && this.#diary.changeCount >= ENOUGH_CHANGES) return this.#look();
      if (this.#options.once && Date.now() > deadline) {
        throw new Error(
          `Only ${this.#diary.changeCount} changes of state came within ${CHANGES_WITHIN_MS / 1000} s; a higher --speed or --watch makes more.${this.#problems()}`,
        );
      }
      if (tick % STATUS_EVERY_TICKS === 0) await this.#look();
      this.#show();
      await sleep(TICK_MS, undefined, { signal: this.#signal });
    }
  }

  /** Waits until the worker's status is as wished, showing what happens meanwhile. */
  async #until(deed: string, withinMs: number, reached: (status: DemoStatus) => boolean): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      this.#status = await this.#worker.status();
      this.#show();
      if (reached(this.#status)) return;
      if (Date.now() > deadline) {
        throw new Error(
          `The worker did not ${deed} within ${withinMs / 1000} s; it is ${this.#status.phase}.${this.#problems()}`,
        );
      }
      await sleep(TICK_MS / 5, undefined, { signal: this.#signal });
    }
  }

  async #look(): Promise<void> {
    await this.#fillScreen();
    this.#status = await this.#worker.status();
    this.#totals = await this.#worker.totals();
    this.#diary.confirm(await this.#worker.getMany(this.#diary.records.map(({ uri }) => uri)));
  }

  /** Subscribes to as many people as there is room for; a window may have grown. */
  async #fillScreen(): Promise<void> {
    const wanted = this.#options.watch ?? this.#view.capacity ?? PEOPLE_IN_PLAIN_LINES;
    const watched = this.#diary.records.length;
    if (wanted <= watched || watched >= this.#options.users) return;
    const people = this.#stage.simulator.people().slice(watched, wanted);
    const uris = people.flatMap(({ emails: [address] }) => (address === undefined ? [] : [address]));
    this.#diary.begin(await this.#worker.subscribe(uris));
  }

  #take(records: readonly PresenceRecord[]): void {
    for (const change of this.#diary.take(records, Date.now())) this.#view.change(change);
    this.#show();
  }

  /** Tells a step, and lets somebody who reads along read it. */
  async #tell(sentence: string): Promise<void> {
    this.#say(sentence);
    if (this.#view.live) await sleep(STEP_PAUSE_MS, undefined, { signal: this.#signal });
    this.#signal.throwIfAborted();
  }

  #say(sentence: string): void {
    const numbered = `${this.#story.length + 1}. ${sentence}`;
    this.#story.push(numbered);
    this.#toldAt = Date.now();
    this.#view.tell(numbered);
    this.#show();
  }

  #show(): void {
    const now = Date.now();
    const organization = this.#status?.organizations[0];
    this.#requests = Math.max(this.#requests, organization?.requests.total ?? 0);
    const sweeping = organization?.lastSweep === null ? organization.sweepProgress : null;
    const notes = now - this.#toldAt < STORY_STAYS_MS ? this.#story : this.#story.slice(-1);
    this.#view.picture({
      now,
      title: `${ORGANIZATION} (simulated), secrets in memory`,
      figures: this.#figures(),
      notes,
      sweep: sweeping && { persons: sweeping.persons, of: this.#options.users },
      totals: this.#totals,
      records: this.#diary.records,
      changes: this.#diary.changes,
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
