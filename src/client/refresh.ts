import type { PresenceRecord } from "./protocol.js";

export interface RefreshOptions {
  /** The oldest answer that will do: Webex is asked about a record confirmed before. Default: 0. */
  readonly maxAgeSeconds?: number;
  /** How long to wait for Webex; then the answer is what the worker knows. Default: 3000. */
  readonly maxWaitMs?: number;
  /** Cancels the request, which then rejects with an `RpcError` -32800. */
  readonly signal?: AbortSignal;
}

export interface RefreshedPresence {
  readonly record: PresenceRecord;
  /**
   * Whether Webex confirmed the record recently enough. If not, `observedAt` tells when the latest
   * response came.
   */
  readonly isFresh: boolean;
  /** How long the answer took, in milliseconds. */
  readonly tookMs: number;
}

/** How much before its end a worker's wait may seem to end by this process's clock. */
const TIMER_TOLERANCE_MS = 10;

/**
 * Asks by `get` with `maxAgeSeconds`, and judges the answer as docs/integration.md says
 * ("Decisions"). Rejects as `get` does.
 */
export async function refreshPresence(
  get: (params: { maxAgeSeconds: number; maxWaitMs: number }) => Promise<PresenceRecord>,
  { maxAgeSeconds = 0, maxWaitMs = 3000 }: RefreshOptions,
): Promise<RefreshedPresence> {
  const askedAt = Date.now();
  const startedAt = performance.now();
  const record = await get({ maxAgeSeconds, maxWaitMs });
  const tookMs = performance.now() - startedAt;
  const oldestAt = askedAt - maxAgeSeconds * 1000;
  // What came while the worker waited in vain may have been requested long before.
  const isInTime = maxWaitMs === 0 || tookMs < maxWaitMs - TIMER_TOLERANCE_MS;
  const { observedAt } = record;
  const isFresh = isInTime && observedAt !== null && Date.parse(observedAt) >= oldestAt;
  return { record, isFresh, tookMs };
}
