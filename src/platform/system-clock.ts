import type { Clock, Crypto, Random } from "../ports/clock.js";
import { lazyCrypto } from "./lazy-modules.js";

/** Node fires a timer with a longer delay at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A smaller difference is the clocks' resolution, or a pause between the two readings. */
const MIN_COUNTED_SUSPENSION_MS = 1_000;

/** `performance.now` would load all of perf_hooks at its first use. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Resolves or rejects like `promise`, or resolves with `fallback` after `timeoutMs`. */
export async function withTimeout<T, F>(
  promise: Promise<T>,
  timeoutMs: number,
  fallback: F,
): Promise<T | F> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<F>((resolve) => {
    timer = setTimeout(() => resolve(fallback), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Returns `Clock.elapsed` for a wall clock and a monotonic clock. Where the wall clock advances
 * further than the monotonic one, the machine was suspended, or somebody set the clock forward: the
 * two cannot be told apart, and data that looks older than it is does no harm.
 */
export function createElapsed(now: () => number, monotonic: () => number): () => number {
  let suspendedMs = 0;
  let offset = now() - monotonic();
  return () => {
    const monotonicNow = monotonic();
    const gainMs = now() - monotonicNow - offset;
    if (gainMs >= MIN_COUNTED_SUSPENSION_MS) suspendedMs += gainMs;
    if (gainMs >= MIN_COUNTED_SUSPENSION_MS || gainMs < 0) offset += gainMs;
    return monotonicNow + suspendedMs;
  };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: monotonicMs,
  elapsed: createElapsed(() => Date.now(), monotonicMs),
  schedule(delayMs, callback) {
    // Node turns a timeout of 0 into one of 1 ms, for which a fast host would wait.
    if (delayMs <= 0) return systemClock.endOfTurn(callback);
    let handle: NodeJS.Timeout;
    const arm = (remaining: number): void => {
      const step = Math.min(remaining, MAX_TIMER_MS);
      handle = setTimeout(() => {
        if (remaining > step) arm(remaining - step);
        else callback();
      }, step);
      handle.unref();
    };
    arm(delayMs);
    return () => clearTimeout(handle);
  },
  endOfTurn(callback) {
    // Not unref'd: the event loop would then sleep until something else happens.
    const handle = setImmediate(callback);
    return () => clearImmediate(handle);
  },
};

export const systemRandom: Random = { random: () => Math.random() };

export const systemCrypto: Crypto = {
  token: (byteCount) => lazyCrypto().randomBytes(byteCount).toString("base64url"),
  uuid: () => lazyCrypto().randomUUID(),
  sha256: (text) => lazyCrypto().createHash("sha256").update(text, "utf8").digest("base64url"),
};
