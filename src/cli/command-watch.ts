import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { CommandContext, ExitCode } from "./command.js";
import { needsAttention } from "./status-text.js";
import { UsageError } from "./usage-error.js";
import { settingsPathFor } from "./worker-files.js";
import { LiveWatch } from "./watch.js";
import { fetchSnapshot } from "./watch-once.js";
import { createView } from "./watch-view.js";
import { WorkerClient } from "./worker-client.js";

/** Launches a worker as a host would, and shows presence until the command is ended; with `--json`, once. 1 where the worker ends before. */
export async function watch(context: CommandContext, uris: readonly string[]): Promise<ExitCode> {
  const { console, options } = context;
  const settingsPath = settingsPathFor(options.settings);
  if (settingsPath === null)
    throw new UsageError(
      "watch launches a worker, which needs its settings file.",
      "Name it: ucx-webex-presence watch --settings <Presence.ini>",
    );
  // Its own folder: the worker that the host launched writes its status and log to the usual one.
  const logDirectory = await mkdtemp(join(tmpdir(), "ucx-webex-presence-watch-"));
  const worker = new WorkerClient({ settingsPath, secretStore: options.secretStore, logDirectory });
  try {
    return console.json
      ? await printSnapshot(context, worker, uris)
      : await showLive(context, worker, uris);
  } finally {
    await worker.stop();
    // Windows keeps a file for a moment after the process that had it open is gone.
    await rm(logDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(
      () => undefined,
    );
  }
}

async function showLive(
  { console, signal }: CommandContext,
  worker: WorkerClient,
  uris: readonly string[],
): Promise<ExitCode> {
  const quit = new AbortController();
  const view = createView(process.stdout, process.stdin, () => quit.abort());
  const stopSignal = AbortSignal.any([signal, quit.signal]);
  let failure: string | null = null;
  try {
    const running = new LiveWatch(worker, view, uris).run(stopSignal);
    failure = await Promise.race([running.then(() => null), worker.ended]);
    // Ctrl+C reaches the worker as well as us, and its end is then no failure.
    if (stopSignal.aborted) failure = null;
    running.catch(() => undefined);
  } catch (error) {
    if (!stopSignal.aborted) failure = (await worker.ended) ?? (error as Error).message;
  } finally {
    quit.abort();
    view.close();
  }
  if (failure === null) return 0;
  console.error(
    failure,
    "Check the settings and the worker's own launch: ucx-webex-presence doctor",
  );
  return 1;
}

async function printSnapshot(
  { console, signal }: CommandContext,
  worker: WorkerClient,
  uris: readonly string[],
): Promise<ExitCode> {
  const snapshot: { status: WorkerStatus; records: readonly PresenceRecord[] } =
    await fetchSnapshot(worker, uris, signal);
  const { phase, problems, organizations } = snapshot.status;
  const ok = phase === "polling" && !needsAttention(snapshot.status);
  console.result({ ok, phase, problems, organizations, records: snapshot.records });
  return ok ? 0 : 1;
}
