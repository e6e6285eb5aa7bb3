import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";

/** Calls `look` every `everyMs` until disposed. */
export function lookEvery(clock: Clock, everyMs: number, look: () => void): Disposer {
  let callOff: Disposer = () => undefined;
  const again = (): void => {
    callOff = clock.timer(everyMs, () => {
      again();
      look();
    });
  };
  again();
  return () => {
    callOff();
  };
}
