const MINUTE_MS = 60_000;
const MAX_CACHED = 1_024;
const DIGITS = Array.from("0123456789");
const TWO_DIGITS = DIGITS.flatMap((tens) => DIGITS.map((units) => tens + units));

/** Minutes since 1970 as ISO 8601 writes them; the times that a worker tells lie in few of them. */
const minuteCache = new Map<number, string>();

/** Epoch milliseconds as `Date.prototype.toISOString` writes them, in a fraction of its time. Throws a `RangeError` where that does. */
export function formatIsoTime(time: number): string {
  const whole = Math.trunc(time);
  const minute = Math.floor(whole / MINUTE_MS);
  const rest = whole - minute * MINUTE_MS;
  const tenths = Math.floor(rest / 100);
  const seconds = Math.floor(tenths / 10);
  return `${formatMinute(minute)}:${TWO_DIGITS[seconds] ?? ""}.${tenths - seconds * 10}${TWO_DIGITS[rest - tenths * 100] ?? ""}Z`;
}

function formatMinute(minute: number): string {
  const known = minuteCache.get(minute);
  if (known !== undefined) return known;
  if (minuteCache.size >= MAX_CACHED) minuteCache.clear();
  const text = new Date(minute * MINUTE_MS).toISOString().slice(0, -":00.000Z".length);
  minuteCache.set(minute, text);
  return text;
}
