import { Fault } from "../faults/fault.js";

export function cancelled(): Fault {
  return new Fault("cancelled", "The request was cancelled.");
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

interface Flight<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  waiting: number;
}

/** Work that is done once for all who want it at the same time. Whoever leaves is gone at once; when the last one leaves it is aborted. */
export class SingleFlight<T> {
  #flight: Flight<T> | null = null;

  get busy(): boolean {
    return this.#flight !== null;
  }

  async join(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    const flight = this.#flight ?? this.#takeOff(work);
    flight.waiting += 1;
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => reject(cancelled());
    });
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([flight.result, left]);
    } finally {
      signal.removeEventListener("abort", leave);
      flight.waiting -= 1;
      if (flight.waiting === 0 && this.#flight === flight) {
        this.#flight = null;
        flight.controller.abort();
      }
    }
  }

  #takeOff(work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const flight: Flight<T> = { controller, result: work(controller.signal), waiting: 0 };
    this.#flight = flight;
    const landed = (): void => {
      if (this.#flight === flight) this.#flight = null;
    };
    flight.result.then(landed, landed);
    return flight;
  }
}
