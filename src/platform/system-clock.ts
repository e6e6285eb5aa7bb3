import type { Disposer } from "../faults/emitter.js";
import type { Chance, Clock } from "../ports/clock.js";
import { lateCrypto } from "./late-builtin.js";

/** Node's longest timer; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds that never jump. Not `performance.now`, which loads all of perf_hooks at its first use. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: monotonicMs,
  timer(delayMs: number, callback: () => void): Disposer {
    if (delayMs <= 0) return afterThisTurn(callback);
    let handle: NodeJS.Timeout;
    const arm = (remaining: number): void => {
      const step = Math.min(remaining, LONGEST_TIMER_MS);
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
function afterThisTurn(callback: () => void): Disposer {
  const handle = setImmediate(callback);
  return () => {
    clearImmediate(handle);
  };
}

export const systemChance: Chance = {
  random: () => Math.random(),
  token: (byteCount) => lateCrypto().randomBytes(byteCount).toString("base64url"),
  uuid: () => lateCrypto().randomUUID(),
  sha256: (text) => lateCrypto().createHash("sha256").update(text, "utf8").digest("base64url"),
};
