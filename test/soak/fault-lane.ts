import { setTimeout as delay } from "node:timers/promises";

import type { RandomFunction } from "../../simulator/random.js";
import type { Expectation, FaultView, SoakControls, SoakFault } from "./soak-fault.js";

const CHECK_MS = 100;
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 4_000;
/** What an expectation may wait for in all, also while the worker says nothing. */
const MAX_WAIT_MS = 200_000;

/** A fault that happened. Times are epoch milliseconds. */
export interface FaultRecord {
  readonly name: string;
  readonly problems: readonly string[];
  readonly beganAt: number;
  shownMs: number | null;
  endedAt: number | null;
  goneMs: number | null;
  goneAt: number | null;
  shownFailure: string | null;
  goneFailure: string | null;
}

export interface FaultLaneOptions {
  readonly faults: readonly SoakFault[];
  readonly controls: SoakControls;
  readonly random: RandomFunction;
  /** No fault begins after this time; none that is early after `earlyUntil`. */
  readonly until: number;
  readonly earlyUntil: number;
  readonly records: FaultRecord[];
  /** What has been seen since a time. */
  readonly viewSince: (at: number) => FaultView;
  /** Whether the worker says something at present. */
  readonly isHeard: () => boolean;
  /** Two lanes do not write the settings at the same time. */
  readonly settingsLock: Lock;
}

/** Lets one action run at a time. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Makes one fault after another, in random order, and checks what is seen of each. */
export class FaultLane {
  readonly #options: FaultLaneOptions;
  #deck: SoakFault[] = [];
  #isFirstDeck = true;

  constructor(options: FaultLaneOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { random, until, settingsLock } = this.#options;
    for (;;) {
      await delay(MIN_PAUSE_MS + random() * (MAX_PAUSE_MS - MIN_PAUSE_MS));
      if (Date.now() >= until) return;
      const fault = this.#next();
      if (fault === null) return;
      if (fault.ownsSettings === true) await settingsLock.run(() => this.#make(fault));
      else await this.#make(fault);
    }
  }

  /** Every fault once, then anew: those that must come early are the first. */
  #next(): SoakFault | null {
    const { faults, random, earlyUntil } = this.#options;
    const isLate = Date.now() >= earlyUntil;
    this.#deck = this.#deck.filter(({ isEarly }) => isEarly !== true || !isLate);
    if (this.#deck.length === 0) {
      this.#deck = shuffled(
        faults.filter(({ isEarly }) => isEarly !== true || !isLate),
        random,
      );
      if (this.#isFirstDeck)
        this.#deck.sort((a, b) => Number(b.isEarly === true) - Number(a.isEarly === true));
      this.#isFirstDeck = false;
    }
    return this.#deck.shift() ?? null;
  }

  async #make(fault: SoakFault): Promise<void> {
    const { controls, random, records, until } = this.#options;
    if (Date.now() >= until) return;
    const record: FaultRecord = {
      ...{ name: fault.name, problems: fault.problems ?? [], beganAt: Date.now() },
      ...{ shownMs: null, shownFailure: null, endedAt: null },
      ...{ goneMs: null, goneFailure: null, goneAt: null },
    };
    records.push(record);
    const [least, most] = fault.lastsMs;
    const lasts = delay(least + random() * (most - least));
    await fault.begin(controls);
    if (fault.shown !== null) {
      record.shownFailure = await this.#expect(fault.shown, record.beganAt);
      if (record.shownFailure === null) record.shownMs = Date.now() - record.beganAt;
    }
    await lasts;
    await fault.end?.(controls);
    record.endedAt = Date.now();
    record.goneFailure = await this.#expect(fault.gone, record.endedAt);
    record.goneAt = Date.now();
    if (record.goneFailure === null) record.goneMs = record.goneAt - record.endedAt;
    await fault.after?.(controls);
  }

  /** Waits until it is met. Resolves with null, or with what is missing if it took too long. */
  async #expect(
    { what, withinMs, countsSilence, isMet }: Expectation,
    since: number,
  ): Promise<string | null> {
    const { controls, viewSince, isHeard } = this.#options;
    let waitedMs = 0;
    let last = Date.now();
    while (!isMet(viewSince(since), controls)) {
      if (waitedMs > withinMs || Date.now() - since > MAX_WAIT_MS) {
        const { status } = viewSince(since);
        const problems = status?.problems.map(({ code }) => code).join(", ");
        const seconds = Math.round((Date.now() - since) / 1000);
        return `not within ${seconds} s: ${what} (but ${status?.phase ?? "no status"}: ${problems ?? ""}).`;
      }
      await delay(CHECK_MS);
      const now = Date.now();
      if (countsSilence === true || isHeard()) waitedMs += now - last;
      last = now;
    }
    return null;
  }
}

function shuffled<T>(items: readonly T[], random: RandomFunction): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const index = Math.floor(random() * (last + 1));
    [result[last], result[index]] = [result[index] as T, result[last] as T];
  }
  return result;
}
