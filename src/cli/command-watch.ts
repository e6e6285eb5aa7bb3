import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { CommandContext, ExitCode } from "./command.js";
import { isWrong } from "./status-text.js";
import { UsageError } from "./usage-error.js";
import { settingsPathFor } from "./surroundings.js";
import { Watch } from "./watch.js";
import { look } from "./watch-once.js";
import { viewFor } from "./watch-view.js";
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
    return console.json ? await lookOnce(context, worker, uris) : await follow(context, worker, uris);
  } finally {
    await worker.stop();
    // Windows keeps a file for a moment after the process that had it open is gone.
    await rm(logDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(() => undefined);
  }
}

async function follow({ console, signal }: CommandContext, worker: WorkerClient, uris: readonly string[]): Promise<ExitCode> {
  const leaving = new AbortController();
  const view = viewFor(process.stdout, process.stdin, () => leaving.abort());
  const until = AbortSignal.any([signal, leaving.signal]);
  let died: string | null = null;
  try {
    const running = new Watch(worker, view, uris).run(until);
    died = await Promise.race([running.then(() => null), worker.ended]);
    // Ctrl+C reaches the worker as well as us, and its end is then no failure.
    if (until.aborted) died = null;
    running.catch(() => undefined);
  } catch (error) {
    if (!until.aborted) died = (await worker.ended) ?? (error as Error).message;
  } finally {
    leaving.abort();
    view.close();
  }
  if (died === null) return 0;
  console.failure(died, "Check the settings and the worker's own launch: ucx-webex-presence doctor");
  return 1;
}

async function lookOnce({ console, signal }: CommandContext, worker: WorkerClient, uris: readonly string[]): Promise<ExitCode> {
  const seen: { status: WorkerStatus; records: readonly PresenceRecord[] } = await look(worker, uris, signal);
  const { phase, problems, organizations } = seen.status;
  const ok = phase === "polling" && !isWrong(seen.status);
  console.result({ ok, phase, problems, organizations, records: seen.records });
  return ok ? 0 : 1;
}
