import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";

/** Calls `look` every `everyMs` until disposed. */
export function repeatEvery(clock: Clock, intervalMs: number, callback: () => void): Disposer {
  let cancel: Disposer = () => undefined;
  const schedule = (): void => {
    cancel = clock.schedule(intervalMs, () => {
      schedule();
      callback();
    });
  };
  schedule();
  return () => {
    cancel();
  };
}
