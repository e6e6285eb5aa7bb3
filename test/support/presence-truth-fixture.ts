import type { WebexSimulator } from "../../simulator/webex-simulator.js";
import { contradictionOf, isAdmission } from "./presence-states-fixture.js";
import type { PresenceRecord } from "./worker-harness.js";

/** How long before `observedAt`, the time of the response, Webex may have read the status. */
const LONGEST_REQUEST_MS = 3_000;
const CLOCK_TOLERANCE_MS = 1_000;

interface Truth {
  readonly from: number;
  readonly status: string | null;
}

/**
 * What the simulator says of some persons, and since when. A record is true if its presence follows
 * from its status, if Webex gave this status at the time that it names, and if it is not too old to
 * pass for fresh. Set
 * the status of these persons only through `set`, with the simulator's `speed` at 0.
 */
export class PresenceTruth {
  readonly #webex: WebexSimulator;
  readonly #history = new Map<string, Truth[]>();
  readonly #staleAfterMs: number;
  readonly #longestRequestMs: number;

  constructor(
    webex: WebexSimulator,
    staleAfterSeconds: number,
    longestRequestMs = LONGEST_REQUEST_MS,
  ) {
    this.#webex = webex;
    this.#staleAfterMs = staleAfterSeconds * 1000;
    this.#longestRequestMs = longestRequestMs;
  }

  set(uri: string, status: string | null): void {
    this.#webex.setStatus(uri, status);
    const history = this.#history.get(uri) ?? [];
    history.push({ from: Date.now(), status });
    this.#history.set(uri, history);
  }

  /** Says what is false about a record that the worker has given at `now`, or returns null. */
  falsehoodOf(record: PresenceRecord, now = Date.now()): string | null {
    const { uri, state, webexStatus, observedAt } = record;
    const history = this.#history.get(uri);
    if (history === undefined) return null;
    const contradiction = contradictionOf(record);
    if (contradiction !== null) return `${uri}: ${contradiction}`;
    if (isAdmission(record)) return null;
    if (observedAt === null) return `${uri} is ${state} although Webex was never asked.`;
    const observed = Date.parse(observedAt);
    const ageMs = now - observed;
    if (ageMs > this.#staleAfterMs + 2 * CLOCK_TOLERANCE_MS)
      return `${uri} is ${state} although its record is ${Math.round(ageMs / 1000)} s old.`;
    const wasTrue = history.some(({ from, status }, index) => {
      const until = history[index + 1]?.from ?? Number.POSITIVE_INFINITY;
      const wasGivenThen =
        from <= observed + CLOCK_TOLERANCE_MS && until >= observed - this.#longestRequestMs;
      return status === webexStatus && wasGivenThen;
    });
    return wasTrue ? null : `${uri} is ${String(webexStatus)}, which Webex did not say then.`;
  }
}
