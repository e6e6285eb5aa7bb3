import type { SimulatedOrganization, SimulatedPerson } from "./people-factory.js";
import { PresenceWalk } from "./presence-walk.js";
import type { WalkClock } from "./walk-clock.js";

const AWAY_AFTER_MS = 10 * 60_000;
const MAX_ACTIVITY_AGE_MS = 12 * 3_600_000;

/** Keeps each person's presence as the walk says, when somebody looks: without a timer, so 100,000 persons cost nothing. */
export class PresenceEngine {
  readonly #clock: WalkClock;
  readonly #realNow: () => number;
  readonly #walks = new Map<SimulatedOrganization, PresenceWalk>();

  constructor(options: { readonly clock: WalkClock; readonly realNow: () => number }) {
    this.#clock = options.clock;
    this.#realNow = options.realNow;
  }

  /** Brings persons up to the present. */
  refresh(organization: SimulatedOrganization, people: readonly SimulatedPerson[]): void {
    const now = this.#clock.now();
    for (const person of people) {
      if (now >= person.nextChangeAt && !person.pinned && person.type === "person")
        this.#advance(organization, person, now);
    }
  }

  /** Sets a status by hand (null: none is told); the walk leaves the person alone until `release`. */
  pin(person: SimulatedPerson, status: string | null): void {
    person.pinned = true;
    person.status = status;
    person.lastActivity = this.#realNow();
  }

  release(person: SimulatedPerson): void {
    person.pinned = false;
    person.nextChangeAt = -Infinity;
  }

  #advance(organization: SimulatedOrganization, person: SimulatedPerson, now: number): void {
    let walk = this.#walks.get(organization);
    if (!walk)
      this.#walks.set(organization, (walk = new PresenceWalk({ seed: organization.seed })));
    const segment = walk.segmentAt(person.index, now);
    person.status = segment.status;
    person.nextChangeAt = segment.until;
    if (walk.isWithoutActivity(person.index)) {
      person.lastActivity = null;
      return;
    }
    const activityAgeMs = Math.min(
      MAX_ACTIVITY_AGE_MS,
      (now - segment.since) / (this.#clock.speed || 1),
    );
    const awayMs = segment.status === "inactive" ? AWAY_AFTER_MS : 0;
    person.lastActivity = this.#realNow() - Math.floor(activityAgeMs) - awayMs;
  }
}
