import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { PresenceTableModel } from "./terminal/presence-table.js";
import { totalsText } from "./terminal/presence-table.js";
import { PresenceTracker } from "./watch-ledger.js";
import type { WatchView } from "./watch-view.js";
import type { WorkerClient } from "./worker-client.js";

const TICK_MS = 250;
const STATUS_EVERY_TICKS = 4;

/** Presence of some people, or of everyone, shown as the worker tells it. */
export class LiveWatch {
  readonly #worker: WorkerClient;
  readonly #view: WatchView;
  readonly #uris: readonly string[];
  readonly #tracker = new PresenceTracker();
  #status: WorkerStatus | null = null;
  #lastMessage = "";
  #isSwept = false;

  /** Without `uris`, everyone. */
  constructor(worker: WorkerClient, view: WatchView, uris: readonly string[]) {
    this.#worker = worker;
    this.#view = view;
    this.#uris = uris;
  }

  /** Runs until the signal. Rejects with an Error where the worker ends before. */
  async run(signal: AbortSignal): Promise<void> {
    this.#worker.onNotification = (method, params) => {
      if (method === "presence/changed")
        this.#handleChanges((params as { changes: PresenceRecord[] }).changes);
      else if (method === "worker/statusChanged") this.#handleStatus(params as WorkerStatus);
    };
    const everyone = this.#uris.length === 0;
    const { records } = await this.#worker.request<{ records: PresenceRecord[] }>(
      "presence/subscribe",
      everyone ? { all: true } : { uris: this.#uris },
    );
    this.#tracker.setInitial(records);
    for (let tick = 0; !signal.aborted; tick += 1) {
      if (tick % STATUS_EVERY_TICKS === 0) await this.#poll();
      this.#render();
      await delay(TICK_MS, signal);
    }
  }

  /** Asks for what the worker does not tell by itself: its figures, and how old the presence is that has not changed. */
  async #poll(): Promise<void> {
    this.#handleStatus(await this.#worker.request<WorkerStatus>("worker/status"));
    const uris = this.#tracker.records.slice(0, this.#view.capacity).map(({ uri }) => uri);
    if (uris.length === 0) return;
    this.#tracker.refresh(
      (await this.#worker.request<{ records: PresenceRecord[] }>("presence/getMany", { uris }))
        .records,
    );
  }

  #handleChanges(records: readonly PresenceRecord[]): void {
    const { added: first, changes } = this.#tracker.apply(records, Date.now());
    // Everyone at once says less than how many there are.
    if (this.#uris.length > 0 || this.#isSwept) this.#view.showAdded(first);
    this.#view.showChanges(changes);
  }

  #handleStatus(status: WorkerStatus): void {
    this.#status = status;
    const messages = [phaseText(status), ...problemTexts(status)];
    if (messages.join("\n") !== this.#lastMessage)
      for (const sentence of messages) this.#view.showMessage(sentence);
    this.#lastMessage = messages.join("\n");
    const { organizations } = status;
    if (
      !this.#isSwept &&
      organizations.length > 0 &&
      organizations.every(({ lastSweep }) => lastSweep !== null)
    ) {
      this.#isSwept = true;
      this.#view.showMessage(`First sweep done: ${totalsText(this.#tracker.totals)}`);
    }
  }

  #render(): void {
    const status = this.#status;
    if (status === null) return;
    const progress = status.organizations
      .filter(({ lastSweep }) => lastSweep === null)
      .map(({ sweepProgress }) => sweepProgress);
    const model: PresenceTableModel = {
      now: Date.now(),
      title: `Webex presence of ${status.organizations.map(({ orgName }) => orgName).join(", ") || "nobody yet"}`,
      summary: figures(status),
      notes:
        status.phase === "polling"
          ? problemTexts(status)
          : [phaseText(status), ...problemTexts(status)],
      sweep:
        progress.length === 0 || status.phase !== "polling"
          ? null
          : { persons: sum(progress.map((progress) => progress?.persons ?? 0)), expected: null },
      totals: this.#tracker.totals,
      records: this.#tracker.records,
      changes: this.#tracker.changes,
      footer: "A worker of its own, launched for this picture. q or Ctrl+C ends it.",
    };
    this.#view.render(model);
  }
}

/** What the worker is doing, as a sentence. */
export function phaseText({ phase, organizations }: WorkerStatus): string {
  switch (phase) {
    case "starting":
      return "The worker is reading its settings.";
    case "disabled":
      return "The worker is disabled: WebexPresence.Enable is 0 in the settings. Presence appears here once it is 1.";
    case "blocked":
      return "The worker is blocked: somebody has to act before presence can be read.";
    case "polling":
      return `The worker asks Webex for presence of ${organizations.map(({ orgName }) => orgName).join(", ")}.`;
    case "stopping":
      return "The worker is stopping.";
  }
}

function problemTexts({ problems }: WorkerStatus): string[] {
  return problems
    .filter(({ severity }) => severity !== "info")
    .map(({ severity, message, hint }) => `${severity}: ${message} → ${hint}`);
}

function figures({ phase, organizations }: WorkerStatus): string {
  if (organizations.length === 0) return phase;
  const lastMinute = sum(organizations.map(({ requests }) => requests.lastMinute));
  const limit = sum(organizations.map(({ requests }) => requests.perMinuteLimit));
  return `${phase}, ${lastMinute} of ${limit} requests/min`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
