import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";

export function cancelled(): Fault {
  return new Fault("cancelled", "The request was cancelled.");
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

/** What the work of a flight is given. */
export interface TaskContext {
  /** Fires when nobody waits for the flight any more; during `seeThrough`, that much later. */
  readonly signal: AbortSignal;
  /** Makes a call whose answer is lost if it is cut off: it may still come for a while, but nothing is sent after it. */
  shield<R>(call: (signal: AbortSignal) => Promise<R>): Promise<R>;
}

interface TaskRun<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  waiterCount: number;
  isShielded: boolean;
}

/**
 * Work that is done once for all who want it at the same time. Whoever leaves is gone at once; when the last one leaves it is aborted,
 * or given up to `graceMs` for the call that it sees through. Who comes during that time waits for its end, then begins anew.
 */
export class SharedTask<T> {
  readonly #clock: Clock;
  readonly #graceMs: number;
  #run: TaskRun<T> | null = null;
  #draining: Promise<void> | null = null;

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  get isBusy(): boolean {
    return this.#run !== null || this.#draining !== null;
  }

  /** Resolves when a flight that everybody has left is over. */
  async drained(): Promise<void> {
    await this.#draining;
  }

  async join(signal: AbortSignal, work: (crew: TaskContext) => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    let stopWaiting: () => void = () => undefined;
    const stoppedWaiting = new Promise<never>((_resolve, reject) => {
      stopWaiting = () => reject(cancelled());
    });
    stoppedWaiting.catch(() => undefined);
    signal.addEventListener("abort", stopWaiting, { once: true });
    try {
      while (this.#draining !== null) await Promise.race([this.#draining, stoppedWaiting]);
      return await this.#join(work, stoppedWaiting);
    } finally {
      signal.removeEventListener("abort", stopWaiting);
    }
  }

  async #join(work: (crew: TaskContext) => Promise<T>, stoppedWaiting: Promise<never>): Promise<T> {
    const run = this.#run ?? this.#start(work);
    run.waiterCount += 1;
    try {
      return await Promise.race([run.result, stoppedWaiting]);
    } finally {
      run.waiterCount -= 1;
      if (run.waiterCount === 0 && this.#run === run) this.#release(run);
    }
  }

  #start(work: (crew: TaskContext) => Promise<T>): TaskRun<T> {
    const controller = new AbortController();
    const shield = async <R>(call: (signal: AbortSignal) => Promise<R>): Promise<R> => {
      run.isShielded = true;
      try {
        return await call(controller.signal);
      } catch (error) {
        if (run.waiterCount === 0) controller.abort();
        throw error;
      } finally {
        run.isShielded = false;
      }
    };
    const result = Promise.resolve().then(() => work({ signal: controller.signal, shield }));
    const run: TaskRun<T> = { controller, result, waiterCount: 0, isShielded: false };
    this.#run = run;
    const onSettled = (): void => {
      if (this.#run === run) this.#run = null;
    };
    run.result.then(onSettled, onSettled);
    return run;
  }

  #release(run: TaskRun<T>): void {
    this.#run = null;
    if (!run.isShielded) {
      run.controller.abort();
      return;
    }
    this.#draining = new Promise((resolve) => {
      const end = (): void => {
        dispose();
        run.controller.abort();
        this.#draining = null;
        resolve();
      };
      const dispose = this.#clock.schedule(this.#graceMs, end);
      run.result.then(end, end);
    });
  }
}
