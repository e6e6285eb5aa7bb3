const counts = new Intl.NumberFormat();
const decimals = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clockTimes = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minutes = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

export function formatCount(count: number): string {
  return counts.format(count);
}

/** A figure of a plot: at most one decimal; a dash if it is not known. */
export function formatFigure(value: number | null, unit = ""): string {
  if (value === null) return "–";
  return unit === "" ? decimals.format(value) : `${decimals.format(value)} ${unit}`;
}

/** A duration in at most two units: `12 s`, `3 min`, `2 h 5 min`, `4 d`; a dash if not known. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minute = Math.floor(seconds / 60);
  if (minute < 60) return `${minute} min`;
  const hour = Math.floor(minute / 60);
  if (hour < 48) return minute % 60 === 0 ? `${hour} h` : `${hour} h ${minute % 60} min`;
  return `${Math.floor(hour / 24)} d`;
}

/** The time of day in the reader's time zone, with the day if that is not the day of `now`. */
export function formatTime(time: string | null, now: number): string {
  if (time === null) return "–";
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "–";
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? clockTimes.format(date) : `${days.format(date)}, ${minutes.format(date)}`;
}

export function formatDate(time: string): string {
  return dates.format(new Date(time));
}

/** Hours and minutes; `seconds` since 1970. */
export function formatMinute(seconds: number): string {
  return minutes.format(new Date(seconds * 1_000));
}

/** `1 person`, `2 people`. */
export function formatQuantity(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
