import { type Fault, faultFields } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PollingRequest } from "./planner.js";

/** Within it, the log repeats a failure of the same cause only at debug. */
const REPEATED_FAILURE_MS = 600_000;
const MAX_LOGGED_CAUSES = 20;

/**
 * Logs the failed requests of one organization, whoever needs them. The status shows, and the log
 * says, how long a problem lasts: repetitions are logged at debug.
 */
export class FailureLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #orgId: string;
  /** The causes of failures that were logged above debug, and when. */
  readonly #loggedAt = new Map<string, number>();

  constructor({ clock, logger, orgId }: FailureLogOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#orgId = orgId;
  }

  /** `kind`: what the failure means for polling. Nothing is amiss if it is `notFound`. */
  record(fault: Fault, request: PollingRequest["kind"], kind: string): void {
    const logger = this.#logger;
    const fields = { orgId: this.#orgId, request, failure: kind, ...faultFields(fault) };
    if (kind === "notFound" || kind === "cancelled") {
      logger.debug("A request to Webex had no result.", fields);
      return;
    }
    const isDefect = fault.kind === "defect";
    const cause = isDefect ? String(fault.cause) : fault.message;
    const isRepeated = this.#isRepeated(`${kind} ${fault.code} ${cause}`);
    if (isDefect) {
      const message = "A request to Webex failed because of a defect in the worker.";
      logger[isRepeated ? "debug" : "error"](message, { ...fields, error: fault.cause ?? fault });
    } else {
      const message = "A request to Webex failed; presence may be stale until one succeeds.";
      logger[isRepeated ? "debug" : "warn"](message, fields);
    }
  }

  #isRepeated(failure: string): boolean {
    const now = this.#clock.monotonic();
    const loggedAt = this.#loggedAt.get(failure) ?? Number.NEGATIVE_INFINITY;
    if (now - loggedAt < REPEATED_FAILURE_MS) return true;
    this.#loggedAt.delete(failure);
    this.#loggedAt.set(failure, now);
    const [oldest = ""] = this.#loggedAt.keys();
    if (this.#loggedAt.size > MAX_LOGGED_CAUSES) this.#loggedAt.delete(oldest);
    return false;
  }
}

interface FailureLogOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly orgId: string;
}
