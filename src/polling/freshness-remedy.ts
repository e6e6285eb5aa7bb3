import type { RefreshDemand } from "../presence/polled-roster.js";
import type { PollingSettings } from "./polling-settings.js";

const MAX_REQUESTS_PER_MINUTE = 600;

export interface FreshnessContext {
  readonly settings: PollingSettings;
  /** Age of what is known of the watched persons, 95th percentile, seconds. */
  readonly watchedP95: number;
  readonly lastMinute: number;
  /** Requests a minute that can be reckoned with. */
  readonly ratePerMinute: number;
  /** What Webex was found to give, where that is less than the setting. */
  readonly observedLimit: number | null;
  readonly pages: number;
  readonly demand: RefreshDemand;
}

/** What would make watched persons fresher, for an administrator; undefined where the figures do not tell. */
export function suggestFreshnessRemedy(input: FreshnessContext): string | undefined {
  const { settings, watchedP95, ratePerMinute, observedLimit, pages, demand, lastMinute } = input;
  const { pollIntervalSeconds, staleAfterSeconds, requestsPerMinute } = settings;
  const reachableAge = Math.ceil((watchedP95 * 1.2) / 10) * 10;
  if (pollIntervalSeconds * 1.2 >= staleAfterSeconds) {
    return `The interval alone makes users that old: set WebexPresence.PollIntervalSeconds (now ${pollIntervalSeconds}) well below WebexPresence.StaleAfterSeconds (now ${staleAfterSeconds}).`;
  }
  const sizeText = `the user list has ${pages} pages, and ${demand.persons} watched users stand on it`;
  if (observedLimit !== null) {
    return `Webex gives this organization about ${Math.floor(observedLimit)} requests a minute, fewer than WebexPresence.RequestsPerMinute (${requestsPerMinute}); ${sizeText}. Watch fewer users, keep other programs and nodes from using up the same limit, or raise WebexPresence.StaleAfterSeconds to ${reachableAge} or more.`;
  }
  // Ages that come from an outage, not from too few requests, are no matter of settings.
  if (lastMinute < ratePerMinute * 0.8) return undefined;
  const neededPerMinute =
    Math.ceil((requestsPerMinute * watchedP95 * 1.1) / staleAfterSeconds / 10) * 10;
  if (neededPerMinute <= MAX_REQUESTS_PER_MINUTE) {
    return `All ${requestsPerMinute} requests a minute are in use (${sizeText}). Raise WebexPresence.RequestsPerMinute to about ${neededPerMinute} if Webex allows it, or WebexPresence.StaleAfterSeconds to ${reachableAge} or more.`;
  }
  return `All ${requestsPerMinute} requests a minute are in use (${sizeText}), and no setting gives enough. Watch fewer users, or raise WebexPresence.StaleAfterSeconds to ${reachableAge} or more.`;
}
