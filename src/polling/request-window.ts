/** Slightly more than a minute, because Webex counts by its own clock. */
const WINDOW_MS = 60_250;
/** How long a request may take to arrive at Webex if its completion was not reported. */
const MAX_TRANSIT_MS = 10_000;
const MINUTE_MS = 60_000;

/** `onDemand`: a caller waits for the response. */
export type RequestPriority = "background" | "onDemand";

export interface CountedRequest {
  readonly priority: RequestPriority;
  readonly admittedAt: number;
  /** Webex counts a request on arrival, at some time between admission and completion. */
  expiresAt: number;
  isCompleted: boolean;
  isRejected: boolean;
}

/** The requests that Webex may still count in a sliding 60 s. Times are monotonic milliseconds. */
export class RequestWindow {
  #requests: CountedRequest[] = [];

  add(priority: RequestPriority, now: number): CountedRequest {
    const expiresAt = now + MAX_TRANSIT_MS + WINDOW_MS;
    const times = { admittedAt: now, expiresAt };
    const request = { priority, ...times, isCompleted: false, isRejected: false };
    this.#requests.push(request);
    return request;
  }

  /** Returns the request of this name if it is in flight, otherwise the one longest in flight. */
  findInFlight(admission: unknown): CountedRequest | undefined {
    const inFlight = this.#requests.filter((request) => !request.isCompleted);
    return inFlight.find((request) => request === admission) ?? inFlight[0];
  }

  get isAnyInFlight(): boolean {
    return this.#requests.some((request) => !request.isCompleted);
  }

  complete(request: CountedRequest, isRejected: boolean, now: number): void {
    request.isCompleted = true;
    request.isRejected = isRejected;
    request.expiresAt = Math.min(request.expiresAt, now + WINDOW_MS);
  }

  removeExpired(now: number): void {
    this.#requests = this.#requests.filter((request) => request.expiresAt > now);
  }

  count(priority?: RequestPriority): number {
    return this.#expiries(priority).length;
  }

  /**
   * Returns when fewer than `capacity` requests (of a priority, or all) count; -Infinity if that is
   * so now.
   */
  freeAt(capacity: number, priority?: RequestPriority): number {
    const expiries = this.#expiries(priority);
    const excess = expiries.length - capacity;
    if (excess < 0) return Number.NEGATIVE_INFINITY;
    return expiries.sort((a, b) => a - b)[excess] ?? Number.NEGATIVE_INFINITY;
  }

  /** Requests admitted in the minute up to a time. */
  admittedLastMinute(until: number): number {
    return this.#requests.filter(isInMinute(until)).length;
  }

  /** Requests admitted in the minute up to a time that Webex has not rejected so far. */
  answeredLastMinute(until: number): number {
    return this.#requests.filter((r) => !r.isRejected && isInMinute(until)(r)).length;
  }

  #expiries(priority: RequestPriority | undefined): number[] {
    const counted = this.#requests.filter((r) => priority === undefined || r.priority === priority);
    return counted.map(({ expiresAt }) => expiresAt);
  }
}

function isInMinute(until: number): (request: CountedRequest) => boolean {
  return ({ admittedAt }) => admittedAt > until - MINUTE_MS && admittedAt <= until;
}
