const MINUTE_MS = 60_000;
const MOST_KEPT = 1_024;
const SECONDS = Array.from({ length: 60 }, (_, second) => `:${String(second).padStart(2, "0")}`);
const MILLISECONDS = Array.from({ length: 1_000 }, (_, millisecond) => `.${String(millisecond).padStart(3, "0")}Z`);

/** Minutes since 1970 as ISO 8601 writes them; the times that a worker tells lie in few of them. */
const minutes = new Map<number, string>();

/** Epoch milliseconds as `Date.prototype.toISOString` writes them, in a fraction of its time. Throws a `RangeError` where that does. */
export function isoTime(time: number): string {
  const whole = Math.trunc(time);
  const minute = Math.floor(whole / MINUTE_MS);
  const rest = whole - minute * MINUTE_MS;
  const second = Math.floor(rest / 1_000);
  return `${minuteText(minute)}${SECONDS[second] ?? ""}${MILLISECONDS[rest - second * 1_000] ?? ""}`;
}

function minuteText(minute: number): string {
  const known = minutes.get(minute);
  if (known !== undefined) return known;
  if (minutes.size >= MOST_KEPT) minutes.clear();
  const text = new Date(minute * MINUTE_MS).toISOString().slice(0, -":00.000Z".length);
  minutes.set(minute, text);
  return text;
}
