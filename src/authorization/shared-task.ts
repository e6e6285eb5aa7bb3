import { Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";

export function cancelled(): Fault {
  return new Fault("cancelled", "The request was cancelled.");
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

/** Waits for `ms`. Rejects with the fault `cancelled` as soon as the signal is aborted. */
export async function delay(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  throwIfCancelled(signal);
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      cancelTimer();
      reject(cancelled());
    };
    const cancelTimer = clock.schedule(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

export interface TaskContext {
  /** Aborted when no caller waits any more, or later if a call is shielded. */
  readonly signal: AbortSignal;
  /**
   * Makes a call whose result must not be lost. If all callers leave during the call, it may go on
   * for a while, but nothing is sent after it.
   */
  shield<R>(call: (signal: AbortSignal) => Promise<R>): Promise<R>;
}

interface TaskRun<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  waiterCount: number;
  isShielded: boolean;
}

/**
 * Runs a task once for all callers that need its result at the same time. A caller that cancels
 * leaves at once. When the last one leaves, the task is aborted, or gets up to `graceMs` to finish
 * a shielded call. Callers that come during that time wait for the end, then start the task again.
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

  /** Resolves when a run that all callers have left is over. */
  async drained(): Promise<void> {
    await this.#draining;
  }

  async join(signal: AbortSignal, work: (task: TaskContext) => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    let stopWaiting: () => void = () => undefined;
    const stoppedWaiting = new Promise<never>((_resolve, reject) => {
      stopWaiting = () => reject(cancelled());
    });
    stoppedWaiting.catch(() => undefined);
    signal.addEventListener("abort", stopWaiting, { once: true });
    try {
      while (this.#draining !== null) await Promise.race([this.#draining, stoppedWaiting]);
      const run = this.#run ?? this.#start(work);
      run.waiterCount += 1;
      return await Promise.race([run.result, stoppedWaiting]).finally(() => this.#leave(run));
    } finally {
      signal.removeEventListener("abort", stopWaiting);
    }
  }

  #start(work: (task: TaskContext) => Promise<T>): TaskRun<T> {
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
    result.then(onSettled, onSettled);
    return run;
  }

  #leave(run: TaskRun<T>): void {
    run.waiterCount -= 1;
    if (run.waiterCount > 0 || this.#run !== run) return;
    this.#run = null;
    if (!run.isShielded) {
      run.controller.abort();
      return;
    }
    this.#draining = new Promise((resolve) => {
      const end = (): void => {
        cancelTimer();
        run.controller.abort();
        this.#draining = null;
        resolve();
      };
      const cancelTimer = this.#clock.schedule(this.#graceMs, end);
      run.result.then(end, end);
    });
  }
}
