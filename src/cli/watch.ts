import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Fault } from "../faults/fault.js";
import type { PresenceRecord, PresenceState } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { CommandContext, ExitCode } from "./command.js";
import { needsAttention } from "./status.js";
import { UsageError } from "./terminal/input.js";
import {
  changeText,
  displayNameOf,
  stateText,
  totalsText,
  type PresenceChange,
} from "./terminal/presence-table.js";
import { createView, type WatchView } from "./watch-view.js";
import { WorkerClient } from "./worker-client.js";
import { settingsPathFor } from "./worker-files.js";

interface Records {
  readonly records: readonly PresenceRecord[];
}

const POLL_INTERVAL_MS = 100;
/** The maximum of `maxWaitMs`. */
const MAX_WAIT_MS = 30_000;
const LIST_PAGE_SIZE = 5_000;
const TICK_MS = 250;
const TICKS_PER_REFRESH = 4;
const MAX_CHANGES = 50;

/**
 * Launches a worker as a host does, and shows presence until the command is stopped; with `--json`,
 * prints it once. Without `uris`, everyone's. Faults: `cancelled`, `defect` if the worker exits.
 */
export async function watch(context: CommandContext, uris: readonly string[]): Promise<ExitCode> {
  const { console, options } = context;
  const settingsPath = settingsPathFor(options.settings);
  if (settingsPath === null) {
    throw new UsageError(
      "This command launches a worker, which requires a settings file.",
      "Pass it: ucx-webex-presence watch --settings <Presence.ini>",
    );
  }
  // The default folder belongs to the worker that the host launched.
  const logDirectory = await mkdtemp(join(tmpdir(), "ucx-webex-presence-watch-"));
  const { secretStore } = options;
  const worker = new WorkerClient({ settingsPath, secretStore, logDirectory });
  try {
    return console.json
      ? await printSnapshot(context, worker, uris)
      : await showLive(context, worker, uris);
  } finally {
    await worker.stop();
    // On Windows, files stay open for a moment after their process has exited.
    await rm(logDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(
      () => undefined,
    );
  }
}

async function showLive(
  { signal }: CommandContext,
  worker: WorkerClient,
  uris: readonly string[],
): Promise<ExitCode> {
  const quit = new AbortController();
  const view = createView(process.stdout, process.stdin, () => quit.abort());
  const stopSignal = AbortSignal.any([signal, quit.signal]);
  try {
    await untilStopped(new LiveWatch(worker, view, uris).run(stopSignal), worker, stopSignal);
    return 0;
  } finally {
    quit.abort();
    view.close();
  }
}

async function printSnapshot(
  { console, signal }: CommandContext,
  worker: WorkerClient,
  uris: readonly string[],
): Promise<ExitCode> {
  const snapshot = await untilStopped(fetchSnapshot(worker, uris), worker, signal);
  if (snapshot === null) throw new Fault("cancelled", "Cancelled before presence was available.");
  const { status, records } = snapshot;
  const { phase, problems, organizations } = status;
  const ok = phase === "polling" && !needsAttention(status);
  console.result({ ok, phase, problems, organizations, records });
  return ok ? 0 : 1;
}

/** Awaits a task. Rejects if the worker exits; resolves with null if the signal fires. */
async function untilStopped<T>(
  task: Promise<T>,
  worker: WorkerClient,
  signal: AbortSignal,
): Promise<T | null> {
  const stopped = new Promise<null>((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
    if (signal.aborted) resolve(null);
  });
  try {
    return await Promise.race([stopped, task, worker.failed]);
  } catch (error) {
    // The terminal sends Ctrl+C to the worker, too, so it may have exited for that reason.
    if (signal.aborted) return null;
    throw error;
  }
}

/** Waits up to 30 s for the first sweep. */
async function fetchSnapshot(
  worker: WorkerClient,
  uris: readonly string[],
): Promise<Records & { readonly status: WorkerStatus }> {
  const deadline = Date.now() + MAX_WAIT_MS;
  let status = await worker.request<WorkerStatus>("worker/status");
  while (isIncomplete(status) && Date.now() < deadline) {
    await sleep(POLL_INTERVAL_MS);
    status = await worker.request<WorkerStatus>("worker/status");
  }
  if (uris.length === 0) return { status, records: await fetchEveryone(worker) };
  const maxWaitMs = Math.max(0, deadline - Date.now());
  const { records } = await worker.request<Records>("presence/getMany", { uris, maxWaitMs });
  return { status, records };
}

function isIncomplete({ phase, organizations }: WorkerStatus): boolean {
  return (
    phase === "starting" ||
    (phase === "polling" && organizations.some(({ lastSweep }) => lastSweep === null))
  );
}

async function fetchEveryone(worker: WorkerClient): Promise<readonly PresenceRecord[]> {
  const records: PresenceRecord[] = [];
  let cursor: string | null = null;
  do {
    const page: Records & { readonly nextCursor: string | null } = await worker.request(
      "presence/list",
      { limit: LIST_PAGE_SIZE, ...(cursor === null ? {} : { cursor }) },
    );
    records.push(...page.records);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return records;
}

/** Subscribes to presence, and shows it and the worker's status in a view. */
class LiveWatch {
  readonly #worker: WorkerClient;
  readonly #view: WatchView;
  readonly #uris: readonly string[];
  readonly #tracker = new PresenceTracker();
  #status: WorkerStatus | null = null;
  #lastMessages = "";
  #isSwept = false;

  constructor(worker: WorkerClient, view: WatchView, uris: readonly string[]) {
    this.#worker = worker;
    this.#view = view;
    this.#uris = uris;
  }

  /** Runs until the signal fires. Rejects if a request fails. */
  async run(signal: AbortSignal): Promise<void> {
    this.#worker.events.on("presenceChanged", ({ changes }) => this.#handleChanges(changes));
    this.#worker.events.on("statusChanged", (status) => this.#handleStatus(status));
    const { records } = await this.#worker.request<Records>(
      "presence/subscribe",
      this.#uris.length === 0 ? { all: true } : { uris: this.#uris },
    );
    this.#tracker.setInitial(records);
    for (let tick = 0; !signal.aborted; tick += 1) {
      if (tick % TICKS_PER_REFRESH === 0) await this.#refresh();
      this.#render();
      await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Requests what notifications leave out: statistics and when Webex confirmed presence. */
  async #refresh(): Promise<void> {
    this.#handleStatus(await this.#worker.request<WorkerStatus>("worker/status"));
    const uris = this.#tracker.records.slice(0, this.#view.capacity).map(({ uri }) => uri);
    if (uris.length === 0) return;
    const { records } = await this.#worker.request<Records>("presence/getMany", { uris });
    this.#tracker.refresh(records);
  }

  #handleChanges(records: readonly PresenceRecord[]): void {
    const { added, changes } = this.#tracker.apply(records, Date.now());
    // While everyone is added at once, the totals are more useful.
    if (this.#uris.length > 0 || this.#isSwept) {
      for (const record of added) this.#view.log(`${displayNameOf(record)}  ${stateText(record)}`);
    }
    for (const change of changes) this.#view.log(changeText(change), change.at);
  }

  #handleStatus(status: WorkerStatus): void {
    this.#status = status;
    const messages = [phaseText(status), ...problemTexts(status)];
    if (messages.join("\n") !== this.#lastMessages)
      for (const message of messages) this.#view.log(message);
    this.#lastMessages = messages.join("\n");
    const { organizations } = status;
    if (this.#isSwept || organizations.length === 0) return;
    this.#isSwept = organizations.every(({ lastSweep }) => lastSweep !== null);
    if (this.#isSwept) this.#view.log(`First sweep done: ${totalsText(this.#tracker.totals)}`);
  }

  #render(): void {
    const status = this.#status;
    if (status === null) return;
    const { phase, organizations } = status;
    const names = organizations.map(({ orgName }) => orgName).join(", ");
    const sweeping = organizations.filter(({ lastSweep }) => lastSweep === null);
    const persons = sum(sweeping.map(({ sweepProgress }) => sweepProgress?.persons ?? 0));
    this.#view.render({
      now: Date.now(),
      title: names === "" ? "Webex presence" : `Webex presence of ${names}`,
      summary: summaryText(status),
      notes: [...(phase === "polling" ? [] : [phaseText(status)]), ...problemTexts(status)],
      sweep: phase === "polling" && sweeping.length > 0 ? { persons, expected: null } : null,
      totals: this.#tracker.totals,
      records: this.#tracker.records,
      changes: this.#tracker.changes,
      footer: "FOR: time in this state. AGE: time since Webex confirmed it. Press q to quit.",
    });
  }
}

/** The latest record of each watched person, and the latest changes. */
export class PresenceTracker {
  readonly #records = new Map<string, PresenceRecord>();
  #sorted: readonly PresenceRecord[] | null = null;
  #changes: readonly PresenceChange[] = [];

  /** Adds the records of a subscription's result. */
  setInitial(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#records.set(record.uri, record);
    this.#sorted = null;
  }

  /** Applies a `presence/changed`. `added` had no presence before. */
  apply(
    records: readonly PresenceRecord[],
    at: number,
  ): { readonly added: readonly PresenceRecord[]; readonly changes: readonly PresenceChange[] } {
    const added: PresenceRecord[] = [];
    const changes: PresenceChange[] = [];
    for (const to of records) {
      const from = this.#records.get(to.uri);
      this.#records.set(to.uri, to);
      if (from === undefined || isPending(from)) added.push(to);
      else changes.push({ at, from, to });
    }
    this.#sorted = null;
    this.#changes = [...changes.toReversed(), ...this.#changes].slice(0, MAX_CHANGES);
    return { added, changes };
  }

  /** Applies newer observations of the same state. A notification will report a different one. */
  refresh(records: readonly PresenceRecord[]): void {
    for (const record of records) {
      const known = this.#records.get(record.uri);
      if (known?.state === record.state && known.reason === record.reason)
        this.#records.set(record.uri, record);
    }
    this.#sorted = null;
  }

  /** Sorted by name. */
  get records(): readonly PresenceRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) =>
      (a.displayName ?? a.uri).localeCompare(b.displayName ?? b.uri),
    );
    return this.#sorted;
  }

  /** The latest first. */
  get changes(): readonly PresenceChange[] {
    return this.#changes;
  }

  get totals(): ReadonlyMap<PresenceState, number> {
    const totals = new Map<PresenceState, number>();
    for (const { state } of this.#records.values()) totals.set(state, (totals.get(state) ?? 0) + 1);
    return totals;
  }
}

function isPending({ reason }: PresenceRecord): boolean {
  return reason === "notReady" || reason === "disabled" || reason === "blocked";
}

function phaseText({ phase, organizations }: WorkerStatus): string {
  switch (phase) {
    case "starting":
      return "The worker is reading its settings.";
    case "disabled":
      return "The worker is disabled. To see presence, set WebexPresence.Enable=1 in the settings.";
    case "blocked":
      return "The worker is blocked: action is required before it can read presence.";
    case "polling":
      return `The worker is polling the presence of ${organizations.map(({ orgName }) => orgName).join(", ")}.`;
    case "stopping":
      return "The worker is stopping.";
  }
}

function problemTexts({ problems }: WorkerStatus): string[] {
  return problems
    .filter(({ severity }) => severity !== "info")
    .map(({ severity, message, hint }) => `${severity}: ${message} → ${hint}`);
}

function summaryText({ phase, organizations }: WorkerStatus): string {
  if (organizations.length === 0) return phase;
  const lastMinute = sum(organizations.map(({ requests }) => requests.lastMinute));
  const limit = sum(organizations.map(({ requests }) => requests.perMinuteLimit));
  return `${phase}, ${lastMinute} of ${limit} requests/min`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
