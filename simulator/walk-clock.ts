const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WORK_START = 9 * HOUR;
const WORK_HOURS = 8.5 * HOUR;

/** A Wednesday at ten in the morning: a lively hour, whatever the time of day at which a demo or a test runs. */
export const DEFAULT_OFFICE_TIME = Date.parse("2026-03-04T10:00:00.000Z");

/**
 * The time of day in the simulated offices: runs `speed` times as fast as the real one (0 = it stands still). Unless nights are
 * asked for, it jumps from 17:30 to 9:00 of the next working day, so that a fast demo never sits through one.
 */
export class WalkClock {
  readonly #realNow: () => number;
  readonly #startsAt: number;
  readonly #nights: boolean;
  #elapsed = 0;
  #anchor: number;
  #speed: number;

  constructor(options: {
    readonly realNow: () => number;
    readonly startsAt: number;
    readonly speed: number;
    readonly nights: boolean;
  }) {
    this.#realNow = options.realNow;
    this.#startsAt = options.startsAt;
    this.#nights = options.nights;
    this.#anchor = options.realNow();
    this.#speed = options.speed;
  }

  get speed(): number {
    return this.#speed;
  }

  setSpeed(speed: number): void {
    this.#elapsed = this.#simulatedElapsed();
    this.#anchor = this.#realNow();
    this.#speed = speed;
  }

  /** The simulated time, ms since 1970. */
  now(): number {
    const elapsed = this.#simulatedElapsed();
    const timeOfDay = this.#startsAt % DAY;
    if (this.#nights || timeOfDay < WORK_START || timeOfDay >= WORK_START + WORK_HOURS)
      return this.#startsAt + elapsed;
    const worked = timeOfDay - WORK_START + elapsed;
    const midnight = this.#startsAt - timeOfDay;
    const weekday = (new Date(midnight).getUTCDay() + 6) % 7;
    const days = Math.floor(worked / WORK_HOURS);
    const weekends = Math.floor((Math.min(weekday, 4) + days) / 5);
    return midnight + (days + 2 * weekends) * DAY + WORK_START + (worked % WORK_HOURS);
  }

  #simulatedElapsed(): number {
    return this.#elapsed + (this.#realNow() - this.#anchor) * this.#speed;
  }
}
