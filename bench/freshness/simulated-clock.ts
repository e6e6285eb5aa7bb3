import { setImmediate } from "node:timers/promises";

import type { Disposer } from "../../src/faults/emitter.js";
import type { Clock } from "../../src/ports/clock.js";

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
  isActive: boolean;
}

/** A clock that jumps from timer to timer. `now()` starts at `epoch` (epoch milliseconds). */
export class SimulatedClock implements Clock {
  readonly #epoch: number;
  #elapsed = 0;
  #order = 0;
  #heap: Timer[] = [];

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  schedule(delayMs: number, callback: () => void): Disposer {
    const due = this.#elapsed + Math.max(0, delayMs);
    const timer: Timer = { due, order: this.#order++, callback, isActive: true };
    this.#push(timer);
    return () => {
      timer.isActive = false;
    };
  }

  endOfTurn(callback: () => void): Disposer {
    return this.schedule(0, callback);
  }

  /** Runs the timers that are due until `end`, and lets promises settle after each. */
  async runUntil(end: number): Promise<void> {
    await setImmediate();
    for (;;) {
      const timer = this.#heap[0];
      if (timer === undefined || timer.due > end) break;
      this.#pop();
      if (!timer.isActive) continue;
      this.#elapsed = timer.due;
      timer.callback();
      await setImmediate();
    }
    this.#elapsed = end;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentTimer = heap[parent];
      if (parentTimer === undefined || isBefore(parentTimer, timer)) break;
      heap[at] = parentTimer;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const childTimer = heap[child];
      if (childTimer === undefined || isBefore(last, childTimer)) break;
      heap[at] = childTimer;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order);
}
