import type { Disposer } from "../faults/emitter.js";
import { asFault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { PeopleApi } from "../webex/people.js";

/**
 * The clock counts suspensions of a second or longer; less is the time between the readings of its
 * two times.
 */
const MIN_SUSPENSION_DURING_REQUEST_MS = 500;
const TICK_MS = 1_000;
/** Much longer than the event loop is ever busy with one thing. */
const MIN_STOP_MS = 5_000;

/** Rejects a request during which the machine was suspended. */
export class SuspendedMeanwhile extends Error {}

/**
 * Returns an API whose responses are not older than monotonic time says: it rejects with
 * `SuspendedMeanwhile` if the machine was suspended, or this process stopped, after the request,
 * because Webex may have answered before that. A rejection with `rateLimited` stays one: it says
 * until when to pause.
 */
export function withoutSuspensions(people: PeopleApi, clock: Clock): PeopleApi {
  const suspendedMs = (): number => clock.elapsed() - clock.monotonic();
  const guard = async <T>(request: () => Promise<T>): Promise<T> => {
    const before = suspendedMs();
    const stop = watchForStop(clock);
    const wasSuspended = (): boolean => {
      const wasStopped = stop.end();
      return wasStopped || suspendedMs() - before >= MIN_SUSPENSION_DURING_REQUEST_MS;
    };
    let response: T;
    try {
      response = await request();
    } catch (error) {
      if (wasSuspended() && asFault(error).code !== "rateLimited") throw new SuspendedMeanwhile();
      throw error;
    }
    if (wasSuspended()) throw new SuspendedMeanwhile();
    return response;
  };
  return {
    listPage: (page, signal) => guard(() => people.listPage(page, signal)),
    findByEmail: (email, signal) => guard(() => people.findByEmail(email, signal)),
    findById: (id, signal) => guard(() => people.findById(id, signal)),
    me: (signal) => guard(() => people.me(signal)),
  };
}

/** `end` returns whether the process was stopped (SIGSTOP, a paused virtual machine) meanwhile. */
function watchForStop(clock: Clock): { readonly end: () => boolean } {
  let lastTick = clock.monotonic();
  let wasStopped = false;
  let cancelTick: Disposer = () => undefined;
  const check = (): void => {
    const now = clock.monotonic();
    wasStopped ||= now - lastTick >= MIN_STOP_MS;
    lastTick = now;
  };
  const tick = (): void => {
    check();
    cancelTick = clock.schedule(TICK_MS, tick);
  };
  tick();
  return {
    end: () => {
      cancelTick();
      check();
      return wasStopped;
    },
  };
}
