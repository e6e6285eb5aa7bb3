import type { WatchedDemand } from "../presence/polled-roster.js";
import type { PollingSettings } from "./polling-settings.js";

const MOST_PER_MINUTE = 600;

export interface FreshnessSituation {
  readonly settings: PollingSettings;
  /** Age of what is known of the watched persons, 95th percentile, seconds. */
  readonly watchedP95: number;
  readonly lastMinute: number;
  /** Requests a minute that can be reckoned with. */
  readonly pace: number;
  /** What Webex was found to give, where that is less than the setting. */
  readonly refusedAbove: number | null;
  readonly pages: number;
  readonly watched: WatchedDemand;
}

/** What would make watched persons fresher, for an administrator; undefined where the figures do not tell. */
export function freshnessRemedy(situation: FreshnessSituation): string | undefined {
  const { settings, watchedP95, pace, refusedAbove, pages, watched, lastMinute } = situation;
  const { pollIntervalSeconds, staleAfterSeconds, requestsPerMinute } = settings;
  const reachable = Math.ceil((watchedP95 * 1.2) / 10) * 10;
  if (pollIntervalSeconds * 1.2 >= staleAfterSeconds) {
    return `The interval alone makes users that old: set WebexPresence.PollIntervalSeconds (now ${pollIntervalSeconds}) well below WebexPresence.StaleAfterSeconds (now ${staleAfterSeconds}).`;
  }
  const size = `the user list has ${pages} pages, and ${watched.persons} watched users stand on it`;
  if (refusedAbove !== null) {
    return `Webex gives this organization about ${Math.floor(refusedAbove)} requests a minute, fewer than WebexPresence.RequestsPerMinute (${requestsPerMinute}); ${size}. Watch fewer users, keep other programs and nodes from using up the same limit, or raise WebexPresence.StaleAfterSeconds to ${reachable} or more.`;
  }
  // Ages that come from an outage, not from too few requests, are no matter of settings.
  if (lastMinute < pace * 0.8) return undefined;
  const needed = Math.ceil((requestsPerMinute * watchedP95 * 1.1) / staleAfterSeconds / 10) * 10;
  if (needed <= MOST_PER_MINUTE) {
    return `All ${requestsPerMinute} requests a minute are in use (${size}). Raise WebexPresence.RequestsPerMinute to about ${needed} if Webex allows it, or WebexPresence.StaleAfterSeconds to ${reachable} or more.`;
  }
  return `All ${requestsPerMinute} requests a minute are in use (${size}), and no setting gives enough. Watch fewer users, or raise WebexPresence.StaleAfterSeconds to ${reachable} or more.`;
}
