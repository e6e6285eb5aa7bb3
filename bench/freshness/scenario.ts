import { WEBEX_LATENCY } from "../../simulator/knobs.js";
import { PresenceWalk } from "../../simulator/presence-walk.js";
import { mixSeeds, seededRandom } from "../../simulator/random.js";

/** The minimum of `WebexPresence.PollIntervalSeconds`, for the worker and the baselines. */
export const INTERVAL_MS = 5_000;
/** The duration of a request whose response holds no persons, such as a rejected one. */
export const REJECTION_MS: number = WEBEX_LATENCY.latencyMs;
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

/** The duration of a request, half of it before Webex reads the presence that it returns. */
export function requestMs(persons: number): number {
  return WEBEX_LATENCY.latencyMs + persons * WEBEX_LATENCY.latencyPerPersonMs;
}

export function pageCount({ persons, pageSize }: GridPoint): number {
  return Math.ceil(persons / pageSize);
}

/** The duration of requests, one after another, each for as many persons. */
function durationMs(requests: number, persons: number, { limit }: GridPoint): number {
  return requests * Math.max(MINUTE_MS / limit, requestMs(persons));
}

function sweepMs(point: GridPoint): number {
  return durationMs(pageCount(point), Math.min(point.persons, point.pageSize), point);
}

/**
 * max(interval, min(sweep, lookups of all watched)) / 2, one request at a time: the lowest mean
 * age, in seconds, that sweeps alone or lookups alone can reach.
 */
export function lowerBoundSeconds(point: GridPoint): number {
  const cycleMs = Math.min(sweepMs(point), durationMs(point.watched, 1, point));
  return Math.max(INTERVAL_MS, cycleMs) / 2_000;
}

/**
 * The watched persons of a grid point and the times at which their presence changes. Times are
 * milliseconds from the start of the simulation.
 */
export class Scenario {
  readonly point: GridPoint;
  readonly pages: number;
  /** The duration of a request for a page. */
  readonly pageMs: number;
  /** The duration of a lookup. */
  readonly lookupMs = requestMs(1);
  readonly warmUpMs: number;
  readonly endMs: number;
  readonly epoch: number;
  /** The positions of the watched persons in the people list, ascending. */
  readonly positions: readonly number[];
  /** For each page, the watched persons on it, as indexes into `positions`. */
  readonly onPage: readonly (readonly number[])[];
  /** For each watched person, the times of their status changes. */
  readonly changes: readonly (readonly number[])[];

  constructor(point: GridPoint) {
    this.point = point;
    this.pages = pageCount(point);
    this.pageMs = requestMs(Math.min(point.persons, point.pageSize));
    const cycleMs = sweepMs(point);
    this.warmUpMs = Math.max(20 * MINUTE_MS, 2.5 * cycleMs);
    this.endMs = this.warmUpMs + Math.max(30 * MINUTE_MS, 2 * cycleMs);
    this.epoch = MEASURED_FROM - this.warmUpMs;
    this.positions = drawWatchedPositions(point);
    const onPage: number[][] = Array.from({ length: this.pages }, () => []);
    this.positions.forEach((position, index) =>
      onPage[Math.floor(position / point.pageSize)]?.push(index),
    );
    this.onPage = onPage;
    const walk = new PresenceWalk({ seed: SEED });
    this.changes = this.positions.map((person) => {
      const times: number[] = [];
      let at = walk.segmentAt(person, this.epoch).until;
      for (; at < this.epoch + this.endMs; at = walk.segmentAt(person, at).until) {
        times.push(at - this.epoch);
      }
      return times;
    });
  }
}

function drawWatchedPositions({ persons, watched }: GridPoint): readonly number[] {
  const random = seededRandom(mixSeeds(SEED, persons, watched));
  const positions = new Set<number>();
  while (positions.size < watched) positions.add(Math.floor(random() * persons));
  return [...positions].sort((a, b) => a - b);
}
