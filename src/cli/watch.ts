import { setTimeout as sleep } from "node:timers/promises";

import { Emitter } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { CommandContext, ExitCode } from "./command.js";
import { PersonRefreshes } from "./person-refreshes.js";
import { PresenceTracker } from "./presence-tracker.js";
import { needsAttention } from "./status.js";
import { makeTemporaryFolder, removeTemporaryFolder } from "./temporary-folder.js";
import { UsageError } from "./terminal/input.js";
import type { Key } from "./terminal/keys.js";
import { changeText, displayNameOf, stateText, uniqueNameOf } from "./terminal/presence-labels.js";
import { totalsText } from "./terminal/presence-table.js";
import { createPresenceView, type PresenceView } from "./terminal/presence-view.js";
import { TableControls } from "./terminal/table-controls.js";
import { phaseText, presenceTable, problemTexts } from "./watch-table.js";
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
  const logDirectory = await makeTemporaryFolder("ucx-webex-presence-watch-");
  const worker = new WorkerClient(settingsPath, options.secretStore, logDirectory);
  try {
    return console.json
      ? await printSnapshot(context, worker, uris)
      : await showLive(context, worker, uris);
  } finally {
    await worker.stop();
    await removeTemporaryFolder(logDirectory);
  }
}

async function showLive(
  { signal }: CommandContext,
  worker: WorkerClient,
  uris: readonly string[],
): Promise<ExitCode> {
  const quit = new AbortController();
  const keys = new Emitter<{ readonly pressed: Key }>();
  const view = createPresenceView(process.stdout, process.stdin, (key) => {
    keys.emit("pressed", key);
  });
  const stopSignal = AbortSignal.any([signal, quit.signal]);
  try {
    const following = followPresence(worker, view, keys, uris, stopSignal, () => quit.abort());
    await untilStopped(following, worker, stopSignal);
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
  return console.result({ ok, phase, problems, organizations, records });
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
  for (;;) {
    const status = await worker.request("worker/status");
    const maxWaitMs = Math.max(0, deadline - Date.now());
    if (isIncomplete(status) && maxWaitMs > 0) {
      await sleep(POLL_INTERVAL_MS);
    } else if (uris.length === 0) {
      return { status, records: await fetchEveryone(worker) };
    } else {
      const { records } = await worker.request("presence/getMany", { uris, maxWaitMs });
      return { status, records };
    }
  }
}

function isIncomplete({ phase, organizations }: WorkerStatus): boolean {
  if (phase === "starting") return true;
  return phase === "polling" && organizations.some(({ lastSweep }) => lastSweep === null);
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

/**
 * Subscribes to presence, and shows it and the worker's status until the signal fires; keys search,
 * select a person, refresh them, and quit. Rejects if a request fails, except one for a refresh.
 */
async function followPresence(
  worker: WorkerClient,
  view: PresenceView,
  keys: Emitter<{ readonly pressed: Key }>,
  uris: readonly string[],
  signal: AbortSignal,
  quit: () => void,
): Promise<void> {
  const tracker = new PresenceTracker();
  const controls = new TableControls();
  let latest = null as WorkerStatus | null;
  let lastMessages = "";
  let isSwept = false;

  const handleChanges = (records: readonly PresenceRecord[]): void => {
    const { added, changes } = tracker.apply(records, Date.now());
    // While everyone is added at once, the totals are more useful.
    if (uris.length > 0 || isSwept) {
      for (const record of added) view.log(`${displayNameOf(record)}  ${stateText(record)}`);
    }
    for (const change of changes) view.log(changeText(change), change.at);
    for (const record of records) refreshes.handleRecord(record);
  };
  const handleStatus = (status: WorkerStatus): void => {
    latest = status;
    const messages = [phaseText(status), ...problemTexts(status, Date.now())];
    if (messages.join("\n") !== lastMessages) for (const message of messages) view.log(message);
    lastMessages = messages.join("\n");
    const { organizations } = status;
    if (isSwept || organizations.length === 0) return;
    isSwept = organizations.every(({ lastSweep }) => lastSweep !== null);
    if (isSwept) view.log(`First sweep done: ${totalsText(tracker.totals)}`);
  };

  const draw = (): void => {
    if (latest !== null)
      view.render(presenceTable(latest, tracker, controls, refreshes, view.hasKeys));
  };
  const refreshes: PersonRefreshes = new PersonRefreshes({
    ask: (uri, maxWaitMs) => worker.refresh(uri, maxWaitMs),
    status: () => worker.request("worker/status"),
    nameOf: (record) => uniqueNameOf(record, tracker.repeatedNames),
    now: Date.now,
    onChange: draw,
  });
  // Once for all keys of a paste, each of which may start another search.
  let drawing: NodeJS.Immediate | null = null;
  const drawSoon = (): void => {
    drawing ??= setImmediate(() => {
      drawing = null;
      draw();
    });
  };
  const refreshSelected = (): void => {
    const { records, cursor } = controls.select(tracker);
    const selected = records[cursor];
    if (selected === undefined) return;
    void refreshes.refresh(selected).then((record) => {
      if (record !== null) tracker.refresh([record]);
      draw();
    });
  };
  const handleKey = (key: Key): void => {
    const { start, end } = view.visible;
    refreshes.clearMessage();
    const action = controls.handleKey(key, tracker, end - start);
    if (action === "quit") quit();
    else if (action === "refresh") refreshSelected();
    drawSoon();
  };

  keys.on("pressed", handleKey);
  worker.events.on("presenceChanged", ({ changes }) => handleChanges(changes));
  worker.events.on("statusChanged", handleStatus);
  const subscription = uris.length === 0 ? ({ all: true } as const) : { uris };
  tracker.add((await worker.request("presence/subscribe", subscription)).records);
  for (let tick = 0; !signal.aborted; tick += 1) {
    // Notifications leave out statistics and when Webex confirmed presence.
    if (tick % TICKS_PER_REFRESH === 0) {
      handleStatus(await worker.request("worker/status"));
      const { start, end } = view.visible;
      const visible = controls.select(tracker).records.slice(start, end);
      if (visible.length > 0) {
        const { records } = await worker.request("presence/getMany", {
          uris: visible.map(({ uri }) => uri),
        });
        tracker.refresh(records);
        for (const record of records) refreshes.handleRecord(record);
      }
    }
    draw();
    await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
  }
}
