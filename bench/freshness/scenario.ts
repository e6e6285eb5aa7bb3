import { PresenceWalk } from "../../simulator/presence-walk.js";
import { mixSeeds, seededRandom } from "../../simulator/random.js";

/** `PollIntervalSeconds` at its least, for all contenders. */
export const INTERVAL_MS = 5_000;
/** From a question on its way to its answer back; half of it each way. */
export const LATENCY_MS = 100;
const MINUTE_MS = 60_000;
/** A Monday, so that presence changes as on a working day. */
const MEASURED_FROM = Date.UTC(2026, 0, 5, 10);
const SEED = 20_260_105;

/** One point of the grid. */
export interface GridPoint {
  readonly persons: number;
  readonly pageSize: number;
  readonly watched: number;
  /** Requests in any sliding minute; hidden from all. */
  readonly limit: number;
}

export function pageCount({ persons, pageSize }: GridPoint): number {
  return Math.ceil(persons / pageSize);
}

/** How long a round of requests takes, in seconds. */
export function secondsForRequests(requests: number, { limit }: GridPoint): number {
  return (requests * 60) / limit;
}

/** max(interval, min(ceil(N / page), watched) / rate) / 2, in seconds: what plain polling of either kind could reach at best. */
export function lowerBoundSeconds(point: GridPoint): number {
  return (
    Math.max(
      INTERVAL_MS / 1_000,
      secondsForRequests(Math.min(pageCount(point), point.watched), point),
    ) / 2
  );
}

/** Who is watched at a point, and when their presence changes. Times are milliseconds from the start of the simulation. */
export class Scenario {
  readonly point: GridPoint;
  readonly pages: number;
  readonly warmUpMs: number;
  readonly endMs: number;
  readonly epoch: number;
  /** The watched persons' places in the list, ascending. */
  readonly positions: readonly number[];
  /** For each page, the watched persons on it, as indexes of `places`. */
  readonly onPage: readonly (readonly number[])[];
  /** For each watched person, when their status changes. */
  readonly changes: readonly (readonly number[])[];

  constructor(point: GridPoint) {
    this.point = point;
    this.pages = pageCount(point);
    const cycleMs = secondsForRequests(this.pages, point) * 1_000;
    this.warmUpMs = Math.max(20 * MINUTE_MS, 2.5 * cycleMs);
    this.endMs = this.warmUpMs + Math.max(30 * MINUTE_MS, 2 * cycleMs);
    this.epoch = MEASURED_FROM - this.warmUpMs;
    this.positions = drawWatchedPositions(point);
    const onPage: number[][] = Array.from({ length: this.pages }, () => []);
    this.positions.forEach((place, index) =>
      onPage[Math.floor(place / point.pageSize)]?.push(index),
    );
    this.onPage = onPage;
    const walk = new PresenceWalk({ seed: SEED });
    this.changes = this.positions.map((place) =>
      changeTimesOf(walk, place, this.epoch, this.endMs),
    );
  }
}

function drawWatchedPositions({ persons, watched }: GridPoint): readonly number[] {
  const random = seededRandom(mixSeeds(SEED, persons, watched));
  const positions = new Set<number>();
  while (positions.size < watched) positions.add(Math.floor(random() * persons));
  return [...positions].sort((a, b) => a - b);
}

function changeTimesOf(
  walk: PresenceWalk,
  person: number,
  epoch: number,
  endMs: number,
): readonly number[] {
  const changes: number[] = [];
  for (
    let at = walk.segmentAt(person, epoch).until;
    at < epoch + endMs;
    at = walk.segmentAt(person, at).until
  ) {
    changes.push(at - epoch);
  }
  return changes;
}
