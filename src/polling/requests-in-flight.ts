import type { InFlight, PollingRequest } from "./planner.js";

/** A request that was sent, or waits for a token or the request budget. */
export interface RequestInFlight {
  readonly request: PollingRequest;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
  /** The page of the list that it reads, from 0; null for other requests. */
  readonly page: number | null;
  /** Whether a caller waits for the response. */
  readonly isOnDemand: boolean;
  readonly controller: AbortController;
}

/** The requests of one poller that have no response yet. */
export class RequestsInFlight {
  readonly #requests = new Set<RequestInFlight>();

  /** `page`: see `RequestInFlight`. */
  add(
    request: PollingRequest,
    sentAt: number,
    page: number | null,
    isOnDemand = false,
  ): RequestInFlight {
    const added = { request, sentAt, page, isOnDemand, controller: new AbortController() };
    this.#requests.add(added);
    return added;
  }

  delete(request: RequestInFlight): void {
    this.#requests.delete(request);
  }

  /** Their responses are not applied. They stay in flight until they have ended. */
  abortAll(): void {
    for (const { controller } of this.#requests) controller.abort();
  }

  [Symbol.iterator](): IterableIterator<RequestInFlight> {
    return this.#requests.values();
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Of those whose response will be applied; null if there are none. Monotonic milliseconds. */
  get latestSentAt(): number | null {
    let latest = null as number | null;
    for (const { controller, sentAt } of this.#requests) {
      if (!controller.signal.aborted) latest = Math.max(latest ?? sentAt, sentAt);
    }
    return latest;
  }

  countSentBefore(monotonic: number): number {
    return [...this.#requests].filter(({ sentAt }) => sentAt < monotonic).length;
  }

  /** What planning depends on. */
  plannerInput(): InFlight {
    const requests = [...this.#requests];
    const background = requests.filter(({ isOnDemand }) => !isOnDemand);
    const onDemand = requests.length - background.length;
    const countOf = (...kinds: readonly PollingRequest["kind"][]): number =>
      background.filter(({ request }) => kinds.includes(request.kind)).length;
    return {
      isSweepPage: countOf("page") > 0,
      isMe: countOf("me") > 0,
      count: background.length + Math.max(0, onDemand - 1),
      refetches: countOf("refetch"),
      lookups: countOf("lookup", "confirm", "person"),
      pages: new Set(requests.flatMap(({ page }) => page ?? [])),
      keys: new Set(requests.flatMap(({ request }) => keyOf(request) ?? [])),
    };
  }
}

/** The address or id that a request is about; null for a page and the administrator's record. */
export function keyOf(request: PollingRequest): string | null {
  if ("address" in request) return request.address;
  return request.kind === "person" ? request.id : null;
}
