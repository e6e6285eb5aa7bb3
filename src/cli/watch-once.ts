import { Fault } from "../faults/fault.js";
import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";
import type { WorkerClient } from "./worker-client.js";

const LOOK_EVERY_MS = 100;
/** As long as a `maxWaitMs` may be. */
const PATIENCE_MS = 30_000;
const LIST_PAGE = 5_000;

/** One look at presence: waits for the worker's first answers, half a minute at most. Without `uris`, everyone. Fault: `cancelled`. */
export async function look(
  worker: WorkerClient,
  uris: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly status: WorkerStatus; readonly records: readonly PresenceRecord[] }> {
  const deadline = Date.now() + PATIENCE_MS;
  let status = await worker.request<WorkerStatus>("worker/status");
  while (isUnderWay(status) && Date.now() < deadline) {
    if (signal.aborted) throw new Fault("cancelled", "Given up before presence was there.");
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    status = await worker.request<WorkerStatus>("worker/status");
  }
  const records = uris.length > 0 ? await some(worker, uris, deadline) : await everyone(worker);
  return { status, records };
}

function isUnderWay({ phase, organizations }: WorkerStatus): boolean {
  return phase === "starting" || (phase === "polling" && organizations.some(({ lastSweep }) => lastSweep === null));
}

async function some(worker: WorkerClient, uris: readonly string[], deadline: number): Promise<readonly PresenceRecord[]> {
  const maxWaitMs = Math.min(PATIENCE_MS, Math.max(0, deadline - Date.now()));
  return (await worker.request<{ records: PresenceRecord[] }>("presence/getMany", { uris, maxWaitMs })).records;
}

async function everyone(worker: WorkerClient): Promise<readonly PresenceRecord[]> {
  const records: PresenceRecord[] = [];
  for (let cursor: string | null = null; ;) {
    const params: object = cursor === null ? { limit: LIST_PAGE } : { limit: LIST_PAGE, cursor };
    const page: { records: PresenceRecord[]; nextCursor: string | null } = await worker.request("presence/list", params);
    records.push(...page.records);
    cursor = page.nextCursor;
    if (cursor === null) return records;
  }
}
