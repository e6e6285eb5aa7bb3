import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";

export function cancelled(): Fault {
  return new Fault("cancelled", "The request was cancelled.");
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

/** What the work of a flight is given. */
export interface Crew {
  /** Fires when nobody waits for the flight any more; during `seeThrough`, that much later. */
  readonly signal: AbortSignal;
  /** Makes a call whose answer is lost if it is cut off: it may still come for a while, but nothing is sent after it. */
  seeThrough<R>(call: (signal: AbortSignal) => Promise<R>): Promise<R>;
}

interface Flight<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  waiting: number;
  seesThrough: boolean;
}

/**
 * Work that is done once for all who want it at the same time. Whoever leaves is gone at once; when the last one leaves it is aborted,
 * or given up to `graceMs` for the call that it sees through. Who comes during that time waits for its end, then begins anew.
 */
export class SingleFlight<T> {
  readonly #clock: Clock;
  readonly #graceMs: number;
  #flight: Flight<T> | null = null;
  #ending: Promise<void> | null = null;

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  get busy(): boolean {
    return this.#flight !== null || this.#ending !== null;
  }

  /** Resolves when a flight that everybody has left is over. */
  async ended(): Promise<void> {
    await this.#ending;
  }

  async join(signal: AbortSignal, work: (crew: Crew) => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => reject(cancelled());
    });
    left.catch(() => undefined);
    signal.addEventListener("abort", leave, { once: true });
    try {
      while (this.#ending !== null) await Promise.race([this.#ending, left]);
      return await this.#board(work, left);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  async #board(work: (crew: Crew) => Promise<T>, left: Promise<never>): Promise<T> {
    const flight = this.#flight ?? this.#takeOff(work);
    flight.waiting += 1;
    try {
      return await Promise.race([flight.result, left]);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0 && this.#flight === flight) this.#abandon(flight);
    }
  }

  #takeOff(work: (crew: Crew) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const seeThrough = async <R>(call: (signal: AbortSignal) => Promise<R>): Promise<R> => {
      flight.seesThrough = true;
      try {
        return await call(controller.signal);
      } catch (error) {
        if (flight.waiting === 0) controller.abort();
        throw error;
      } finally {
        flight.seesThrough = false;
      }
    };
    const result = Promise.resolve().then(() => work({ signal: controller.signal, seeThrough }));
    const flight: Flight<T> = { controller, result, waiting: 0, seesThrough: false };
    this.#flight = flight;
    const landed = (): void => {
      if (this.#flight === flight) this.#flight = null;
    };
    flight.result.then(landed, landed);
    return flight;
  }

  #abandon(flight: Flight<T>): void {
    this.#flight = null;
    if (!flight.seesThrough) {
      flight.controller.abort();
      return;
    }
    this.#ending = new Promise((resolve) => {
      const end = (): void => {
        dispose();
        flight.controller.abort();
        this.#ending = null;
        resolve();
      };
      const dispose = this.#clock.timer(this.#graceMs, end);
      flight.result.then(end, end);
    });
  }
}
