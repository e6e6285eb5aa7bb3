export const PRESENCE_STATES = [
  "available",
  "away",
  "onCall",
  "inMeeting",
  "presenting",
  "doNotDisturb",
  "outOfOffice",
  "offline",
  "unknown",
] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

export const PRESENCE_REASONS = [
  "disabled",
  "blocked",
  "notReady",
  "notFound",
  "notShared",
  "stale",
  "neverSignedIn",
  "undetermined",
  "unrecognizedStatus",
  "invalidUri",
] as const;
export type PresenceReason = (typeof PRESENCE_REASONS)[number];

/** The presence of one address, as the host receives it. Times are ISO 8601 in UTC. */
export interface PresenceRecord {
  readonly uri: string;
  readonly state: PresenceState;
  /** RFC 3863 basic status. */
  readonly basic: "open" | "closed" | null;
  /** RFC 4480 activity names. */
  readonly activities: readonly string[];
  readonly reason: PresenceReason | null;
  readonly webexStatus: string | null;
  readonly displayName: string | null;
  readonly personId: string | null;
  readonly orgId: string | null;
  readonly lastActivity: string | null;
  /** When this worker first observed the state. */
  readonly since: string | null;
  /** When Webex last reported the person. */
  readonly observedAt: string | null;
}

/**
 * The members of a record that follow from one cause. There is one frozen object for each cause, so
 * values are compared by identity.
 */
export type PresenceValue = Pick<PresenceRecord, "state" | "basic" | "activities" | "reason">;

function presenceValue(
  state: PresenceState,
  basic: PresenceRecord["basic"],
  activities: readonly string[],
  reason: PresenceReason | null,
): PresenceValue {
  return Object.freeze({ state, basic, activities: Object.freeze(activities), reason });
}

function unknownValue(reason: PresenceReason): PresenceValue {
  return presenceValue("unknown", null, [], reason);
}

/**
 * By the `status` member of `GET /people` (developer.webex.com, "People"). Webex reports "busy" as
 * `unknown`, so `unknown` never means offline.
 */
const VALUE_BY_STATUS: ReadonlyMap<string, PresenceValue> = new Map([
  ["active", presenceValue("available", "open", [], null)],
  ["inactive", presenceValue("away", "open", ["away"], null)],
  ["call", presenceValue("onCall", "open", ["on-the-phone"], null)],
  ["meeting", presenceValue("inMeeting", "open", ["meeting"], null)],
  ["presenting", presenceValue("presenting", "open", ["presentation"], null)],
  ["DoNotDisturb", presenceValue("doNotDisturb", "open", ["busy"], null)],
  ["OutOfOffice", presenceValue("outOfOffice", "closed", ["away"], null)],
  ["pending", presenceValue("offline", "closed", [], "neverSignedIn")],
  ["unknown", presenceValue("unknown", null, ["unknown"], "undetermined")],
]);
const UNRECOGNIZED = presenceValue("unknown", null, ["unknown"], "unrecognizedStatus");
const NOT_SHARED = unknownValue("notShared");

export const INVALID_URI = unknownValue("invalidUri");
export const NOT_READY = unknownValue("notReady");
export const DISABLED = unknownValue("disabled");
export const BLOCKED = unknownValue("blocked");
export const NOT_FOUND = unknownValue("notFound");
export const STALE = unknownValue("stale");

/** Maps a person's `status`, verbatim and case-sensitive; null if Webex sent none. */
export function mapWebexStatus(status: string | null): PresenceValue {
  return status === null ? NOT_SHARED : (VALUE_BY_STATUS.get(status) ?? UNRECOGNIZED);
}

const MINUTE_MS = 60_000;
const MAX_CACHED_MINUTES = 1_024;
const DIGITS = Array.from("0123456789");
const TWO_DIGITS = DIGITS.flatMap((tens) => DIGITS.map((units) => tens + units));

/** ISO 8601 text by minutes since 1970. The times of a worker's records lie within few minutes. */
const minuteCache = new Map<number, string>();

/**
 * Formats epoch milliseconds as `Date.prototype.toISOString` does, in a fraction of the time.
 * Throws a `RangeError` for a time out of range.
 */
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
  if (minuteCache.size >= MAX_CACHED_MINUTES) minuteCache.clear();
  const text = new Date(minute * MINUTE_MS).toISOString().slice(0, -":00.000Z".length);
  minuteCache.set(minute, text);
  return text;
}
