import { Fault } from "../faults/fault.js";
import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { WorkerClient } from "./worker-client.js";

const POLL_INTERVAL_MS = 100;
/** As long as a `maxWaitMs` may be. */
const MAX_WAIT_MS = 30_000;
const LIST_PAGE = 5_000;

/** One look at presence: waits for the worker's first answers, half a minute at most. Without `uris`, everyone. Fault: `cancelled`. */
export async function fetchSnapshot(
  worker: WorkerClient,
  uris: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly status: WorkerStatus; readonly records: readonly PresenceRecord[] }> {
  const deadline = Date.now() + MAX_WAIT_MS;
  let status = await worker.request<WorkerStatus>("worker/status");
  while (isIncomplete(status) && Date.now() < deadline) {
    if (signal.aborted) throw new Fault("cancelled", "Given up before presence was there.");
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
    status = await worker.request<WorkerStatus>("worker/status");
  }
  const records =
    uris.length > 0 ? await fetchSome(worker, uris, deadline) : await fetchEveryone(worker);
  return { status, records };
}

function isIncomplete({ phase, organizations }: WorkerStatus): boolean {
  return (
    phase === "starting" ||
    (phase === "polling" && organizations.some(({ lastSweep }) => lastSweep === null))
  );
}

async function fetchSome(
  worker: WorkerClient,
  uris: readonly string[],
  deadline: number,
): Promise<readonly PresenceRecord[]> {
  const maxWaitMs = Math.min(MAX_WAIT_MS, Math.max(0, deadline - Date.now()));
  return (
    await worker.request<{ records: PresenceRecord[] }>("presence/getMany", { uris, maxWaitMs })
  ).records;
}

async function fetchEveryone(worker: WorkerClient): Promise<readonly PresenceRecord[]> {
  const records: PresenceRecord[] = [];
  for (let cursor: string | null = null; ;) {
    const params: object = cursor === null ? { limit: LIST_PAGE } : { limit: LIST_PAGE, cursor };
    const page: { records: PresenceRecord[]; nextCursor: string | null } = await worker.request(
      "presence/list",
      params,
    );
    records.push(...page.records);
    cursor = page.nextCursor;
    if (cursor === null) return records;
  }
}
