import { mixSeeds, seededRandom, type RandomFunction } from "./random.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A period in which a person has one Webex status. Times are milliseconds since the epoch; `until`
 * is Infinity if the status never changes.
 */
export interface WalkSegment {
  readonly status: string;
  readonly since: number;
  readonly until: number;
}

interface Step {
  readonly from: number;
  readonly status: string;
}

/** The states that follow "active", with their probabilities and mean durations in minutes. */
const TRANSITIONS: readonly {
  status: string;
  share: number;
  minutes: number;
  minMinutes: number;
}[] = [
  { status: "call", share: 0.5, minutes: 4, minMinutes: 0.4 },
  { status: "inactive", share: 0.3, minutes: 14, minMinutes: 2 },
  { status: "unknown", share: 0.08, minutes: 25, minMinutes: 5 },
  { status: "DoNotDisturb", share: 0.05, minutes: 40, minMinutes: 10 },
  { status: "presenting", share: 0.07, minutes: 15, minMinutes: 5 },
];

const NEVER_SIGNED_IN_SHARE = 0.02;
const NEW_USER_SHARE = 0.01;
const OUT_OF_OFFICE_SHARE = 0.04;
const MEETING_AT_HALF_HOUR_SHARE = 0.13;

/**
 * A model of presence on working days, as a pure function of seed, person and time: the same seed
 * always produces the same days, and no state is kept.
 *
 * Calls last minutes. Meetings last 30 or 60 minutes and start on the hour or half hour. People are
 * away at lunch, at night and on weekends. A few never signed in (`pending`), a few are new users
 * about whom Webex knows nothing (`unknown`), and a few are out of office for the day. A busy
 * calendar is `unknown`, as Webex reports it.
 */
export class PresenceWalk {
  readonly #seed: number;

  constructor(options: { readonly seed: number }) {
    this.#seed = options.seed;
  }

  /** The segment that contains `now` for a person (an integer from 0). */
  segmentAt(person: number, now: number): WalkSegment {
    const constant = this.#constantStatus(person);
    if (constant !== null) return { status: constant, since: -Infinity, until: Infinity };
    const day = Math.floor(now / DAY);
    const steps = this.#stepsOfDay(person, day);
    let index = steps.length - 1;
    while (index > 0 && (steps[index]?.from ?? 0) > now) index--;
    const current = steps[index] ?? { from: day * DAY, status: "inactive" };
    return {
      status: current.status,
      since: current.from,
      until: this.#segmentEnd(person, current.status, steps[index + 1], day),
    };
  }

  statusAt(person: number, now: number): string {
    return this.segmentAt(person, now).status;
  }

  /** The next change of status after `now`; `at` is Infinity if there is none. */
  nextChangeAfter(person: number, now: number): { readonly at: number; readonly status: string } {
    const segment = this.segmentAt(person, now);
    return segment.until === Infinity
      ? { at: Infinity, status: segment.status }
      : { at: segment.until, status: this.statusAt(person, segment.until) };
  }

  /** Whether Webex has no `lastActivity`: the person never signed in, or is a new user. */
  isWithoutActivity(person: number): boolean {
    return this.#constantStatus(person) !== null;
  }

  #constantStatus(person: number): "pending" | "unknown" | null {
    const draw = seededRandom(mixSeeds(this.#seed, person, 7))();
    if (draw < NEVER_SIGNED_IN_SHARE) return "pending";
    return draw < NEVER_SIGNED_IN_SHARE + NEW_USER_SHARE ? "unknown" : null;
  }

  #segmentEnd(person: number, status: string, next: Step | undefined, day: number): number {
    if (next) return next.from;
    for (let later = day + 1; later < day + 30; later++) {
      const other = this.#stepsOfDay(person, later).find((step) => step.status !== status);
      if (other) return other.from;
    }
    return Infinity;
  }

  #stepsOfDay(person: number, day: number): readonly Step[] {
    const random = seededRandom(mixSeeds(this.#seed, person, day));
    const midnight = day * DAY;
    const weekday = new Date(midnight).getUTCDay();
    if (weekday === 0 || weekday === 6) return [{ from: midnight, status: "inactive" }];
    if (random() < OUT_OF_OFFICE_SHARE) return [{ from: midnight, status: "OutOfOffice" }];
    const workStart = midnight + 7.5 * HOUR + random() * 1.5 * HOUR;
    const lunch = midnight + 12 * HOUR + random() * HOUR;
    const afterLunch = lunch + (25 + random() * 35) * MINUTE;
    const workEnd = midnight + 16.5 * HOUR + random() * 2 * HOUR;
    const steps: Step[] = [{ from: midnight, status: "inactive" }];
    addWorkSteps(steps, workStart, lunch, random);
    steps.push({ from: lunch, status: "inactive" });
    addWorkSteps(steps, afterLunch, workEnd, random);
    steps.push({ from: workEnd, status: "inactive" });
    return steps.filter((step, index) => steps[index - 1]?.status !== step.status);
  }
}

function addWorkSteps(steps: Step[], from: number, until: number, random: RandomFunction): void {
  let time = from;
  while (time < until) {
    steps.push({ from: time, status: "active" });
    const end = time + Math.max(MINUTE, randomDuration(13, random));
    const halfHour = Math.ceil(time / (30 * MINUTE)) * 30 * MINUTE;
    const startsMeeting =
      halfHour <= end && halfHour < until && random() < MEETING_AT_HALF_HOUR_SHARE;
    time = startsMeeting ? halfHour : end;
    if (time >= until) return;
    if (startsMeeting) {
      steps.push({ from: time, status: "meeting" });
      time += (random() < 0.6 ? 30 : 60) * MINUTE - random() * 5 * MINUTE;
    } else {
      const transition = pickTransition(random);
      steps.push({ from: time, status: transition.status });
      time += Math.max(transition.minMinutes * MINUTE, randomDuration(transition.minutes, random));
    }
  }
}

function pickTransition(random: RandomFunction): (typeof TRANSITIONS)[number] {
  let draw = random();
  for (const transition of TRANSITIONS) {
    if (draw < transition.share) return transition;
    draw -= transition.share;
  }
  return { status: "inactive", share: 0, minutes: 14, minMinutes: 2 };
}

/** An exponentially distributed duration in milliseconds, at most four times the mean. */
function randomDuration(meanMinutes: number, random: RandomFunction): number {
  return Math.min(4, -Math.log(1 - random())) * meanMinutes * MINUTE;
}

const WORK_START = 9 * HOUR;
const WORK_HOURS = 8.5 * HOUR;

/** A Wednesday at 10:00, a busy hour, so that demos and tests do not depend on the time of day. */
export const DEFAULT_OFFICE_TIME = Date.parse("2026-03-04T10:00:00.000Z");

/**
 * The time in the simulated offices, `speed` times as fast as real time (0 = stopped). Without
 * `nights`, it skips from 17:30 to 9:00 of the next working day.
 */
export class OfficeClock {
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

  /** The simulated time, in milliseconds since the epoch. */
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
