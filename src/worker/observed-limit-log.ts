import { differBy, type LearnedFacts, NOTABLE_SHARE } from "../polling/learned-facts.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";

const MIN_INTERVAL_MS = 600_000;

interface LoggedLimit {
  readonly limit: number | null;
  readonly at: number;
}

/** Logs the limit that Webex was found to enforce: notable changes, one in 10 minutes at most. */
export class ObservedLimitLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #logged = new Map<string, LoggedLimit>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Takes the limit for known, because the log says with what an organization starts. */
  start(orgId: string, limit: number | null): void {
    const at = this.#logged.get(orgId)?.at ?? Number.NEGATIVE_INFINITY;
    this.#logged.set(orgId, { limit, at });
  }

  /** `limit`: null if it is not below `setting`, the configured one; requests per minute. */
  record(orgId: string, limit: number | null, setting: number): void {
    const logged = this.#logged.get(orgId);
    const now = this.#clock.monotonic();
    if (logged === undefined || now - logged.at < MIN_INTERVAL_MS) return;
    if (!differBy(NOTABLE_SHARE, limit, logged.limit)) return;
    this.#logged.set(orgId, { limit, at: now });
    const message =
      limit === null
        ? `Webex accepts as many requests per minute for this organization as WebexPresence.RequestsPerMinute allows (${setting}).`
        : `Webex accepts ${limitText(limit)} for this organization; WebexPresence.RequestsPerMinute is ${setting}.`;
    this.#logger.info(message, { orgId });
  }
}

/** What an organization starts with, in words. */
export function learnedText({ requestsPerMinute, pages }: LearnedFacts): string {
  const limit = requestsPerMinute === null ? "no limit was found" : limitText(requestsPerMinute);
  return pages === null ? limit : `${limit}, ${pages} ${pages === 1 ? "page" : "pages"}`;
}

function limitText(limit: number): string {
  const rounded = Math.floor(limit);
  return `about ${rounded} ${rounded === 1 ? "request" : "requests"} per minute`;
}
