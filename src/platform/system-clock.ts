import type { Disposer } from "../faults/emitter.js";
import type { Random, Clock } from "../ports/clock.js";
import { lazyCrypto } from "./lazy-modules.js";

/** Node's longest timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds that never jump. Not `performance.now`, which loads all of perf_hooks at its first use. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: monotonicMs,
  schedule(delayMs: number, callback: () => void): Disposer {
    if (delayMs <= 0) return scheduleImmediate(callback);
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
    return () => {
      clearTimeout(handle);
    };
  },
};

/**
 * Node makes a timeout of 0 one of a millisecond, and a host that reads eagerly would wait for each. Not unref'd: the event loop would
 * sleep on it until something else happens.
 */
function scheduleImmediate(callback: () => void): Disposer {
  const handle = setImmediate(callback);
  return () => {
    clearImmediate(handle);
  };
}

export const systemRandom: Random = {
  random: () => Math.random(),
  token: (byteCount) => lazyCrypto().randomBytes(byteCount).toString("base64url"),
  uuid: () => lazyCrypto().randomUUID(),
  sha256: (text) => lazyCrypto().createHash("sha256").update(text, "utf8").digest("base64url"),
};
