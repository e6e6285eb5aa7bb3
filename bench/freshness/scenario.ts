import { WEBEX_LATENCY } from "../../simulator/knobs.js";
import { PresenceWalk } from "../../simulator/presence-walk.js";
import { mixSeeds, seededRandom } from "../../simulator/random.js";

/** The minimum of `WebexPresence.PollIntervalSeconds`, for the worker and the baselines. */
export const INTERVAL_MS = 5_000;
/** The default of `WebexPresence.StaleAfterSeconds`, for the worker and the baselines. */
export const STALE_AFTER_MS = 180_000;
/** How long the ages after a start are measured, and from when on for those that must be steady. */
export const START_MS = 600_000;
export const SETTLED_AFTER_MS = 120_000;
const MINUTE_MS = 60_000;
/** On a Monday, so that presence changes as on a working day. */
const MEASURED_FROM = Date.UTC(2026, 0, 5, 10);
const SEED = 20_260_105;

export interface GridPoint {
  readonly persons: number;
  readonly pageSize: number;
  readonly watched: number;
  /** Requests that Webex accepts in any sliding minute; unknown to the clients. */
  readonly limit: number;
}

/** How long Webex takes for a response, which is a base and a time for each person in it. */
export interface Latency {
  readonly baseMs: number;
  readonly perPersonMs: number;
}

export const WEBEX: Latency = {
  baseMs: WEBEX_LATENCY.latencyMs,
  perPersonMs: WEBEX_LATENCY.latencyPerPersonMs,
};
/** Every response takes the same short time. */
export const FLAT: Latency = { baseMs: 100, perPersonMs: 0 };

export function pageCount({ persons, pageSize }: GridPoint): number {
  return Math.ceil(persons / pageSize);
}

/**
 * max(interval, min(sweep, lookups of all watched)) / 2: the lowest mean age, in seconds, that
 * sweeps alone or lookups alone could reach at this limit if responses took no time.
 */
export function lowerBoundSeconds(point: GridPoint): number {
  const requests = Math.min(pageCount(point), point.watched);
  return Math.max(INTERVAL_MS, (requests * MINUTE_MS) / point.limit) / 2_000;
}

/**
 * The watched persons of a grid point and the times at which their presence changes. Times are
 * milliseconds from the start of the simulation.
 */
export class Scenario {
  readonly point: GridPoint;
  readonly pages: number;
  /** The duration of a request for a page, half of it before Webex reads the presence. */
  readonly pageMs: number;
  /** The duration of a lookup. */
  readonly lookupMs: number;
  /** The duration of a request whose response holds no persons, such as a rejected one. */
  readonly rejectionMs: number;
  readonly warmUpMs: number;
  readonly endMs: number;
  readonly epoch: number;
  /** The positions of the watched persons in the people list, ascending. */
  readonly positions: readonly number[];
  /** For each page, the watched persons on it, as indexes into `positions`. */
  readonly onPage: readonly (readonly number[])[];
  /** For each watched person, the times of their status changes. */
  readonly changes: readonly (readonly number[])[];
  /** For each watched person, the status before the first change and after each. */
  readonly statuses: readonly (readonly string[])[];

  constructor(point: GridPoint, { baseMs, perPersonMs }: Latency) {
    this.point = point;
    this.pages = pageCount(point);
    this.pageMs = baseMs + perPersonMs * Math.min(point.persons, point.pageSize);
    this.lookupMs = baseMs + perPersonMs;
    this.rejectionMs = baseMs;
    const cycleMs = this.pages * Math.max(MINUTE_MS / point.limit, this.pageMs);
    this.warmUpMs = Math.max(20 * MINUTE_MS, 2.5 * cycleMs);
    this.endMs = this.warmUpMs + Math.max(30 * MINUTE_MS, 2 * cycleMs);
    this.epoch = MEASURED_FROM - this.warmUpMs;
    this.positions = drawWatchedPositions(point);
    const onPage: number[][] = Array.from({ length: this.pages }, () => []);
    this.positions.forEach((position, index) =>
      onPage[Math.floor(position / point.pageSize)]?.push(index),
    );
    this.onPage = onPage;
    const walks = this.positions.map((person) =>
      walkThrough(person, this.epoch, this.epoch + this.endMs + START_MS),
    );
    this.changes = walks.map(({ changes }) => changes);
    this.statuses = walks.map(({ statuses }) => statuses);
  }
}

const WALK = new PresenceWalk({ seed: SEED });

function walkThrough(person: number, from: number, until: number) {
  const changes: number[] = [];
  let segment = WALK.segmentAt(person, from);
  const statuses = [segment.status];
  while (segment.until < until) {
    changes.push(segment.until - from);
    segment = WALK.segmentAt(person, segment.until);
    statuses.push(segment.status);
  }
  return { changes, statuses };
}

function drawWatchedPositions({ persons, watched }: GridPoint): readonly number[] {
  const random = seededRandom(mixSeeds(SEED, persons, watched));
  const positions = new Set<number>();
  while (positions.size < watched) positions.add(Math.floor(random() * persons));
  return [...positions].sort((a, b) => a - b);
}
