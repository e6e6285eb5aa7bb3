/** Ten years. No token of Webex lives longer than 90 days: whoever names more names no lifetime that one could go by. */
export const MAX_LIFETIME_SECONDS = 315_360_000;

/** The last millisecond whose ISO 8601 text has a year of four digits: later ones are no times to many a reader, or to no one. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Epoch milliseconds; null where Webex gave no lifetime, or none that means anything: the token is used until it is refused. */
export function computeExpiry(seconds: number | null, now: number): number | null {
  return seconds !== null && seconds > 0 && seconds <= MAX_LIFETIME_SECONDS
    ? Math.floor(now + seconds * 1000)
    : null;
}

/** Whether epoch milliseconds that were stored can be shown as a time. */
export function isValidTime(time: number): boolean {
  return time >= 0 && time <= MAX_TIME;
}
