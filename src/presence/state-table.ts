import type { PresenceReason, PresenceRecord, PresenceState } from "./record.js";

/** The part of a record that follows from one cause. Each outlook exists once, so that two are the same if they are identical. */
export interface Outlook {
  readonly state: PresenceState;
  readonly basic: PresenceRecord["basic"];
  readonly activities: readonly string[];
  readonly reason: PresenceReason | null;
}

function outlook(
  state: PresenceState,
  basic: PresenceRecord["basic"],
  activities: readonly string[],
  reason: PresenceReason | null,
): Outlook {
  return Object.freeze({ state, basic, activities: Object.freeze(activities), reason });
}

function nothingSaid(reason: PresenceReason): Outlook {
  return outlook("unknown", null, [], reason);
}

/** `status` of `GET /people` (developer.webex.com, "People") to presence. Webex reports "busy" as `unknown`: it never means offline. */
const BY_STATUS: ReadonlyMap<string, Outlook> = new Map([
  ["active", outlook("available", "open", [], null)],
  ["inactive", outlook("away", "open", ["away"], null)],
  ["call", outlook("onCall", "open", ["on-the-phone"], null)],
  ["meeting", outlook("inMeeting", "open", ["meeting"], null)],
  ["presenting", outlook("presenting", "open", ["presentation"], null)],
  ["DoNotDisturb", outlook("doNotDisturb", "open", ["busy"], null)],
  ["OutOfOffice", outlook("outOfOffice", "closed", ["away"], null)],
  ["pending", outlook("offline", "closed", [], "neverSignedIn")],
  ["unknown", outlook("unknown", null, ["unknown"], "undetermined")],
]);

const UNRECOGNIZED = outlook("unknown", null, ["unknown"], "unrecognizedStatus");
const NOT_SHARED = nothingSaid("notShared");

export const INVALID_URI = nothingSaid("invalidUri");
export const NOT_READY = nothingSaid("notReady");
export const DISABLED = nothingSaid("disabled");
export const BLOCKED = nothingSaid("blocked");
export const NOT_FOUND = nothingSaid("notFound");
export const STALE = nothingSaid("stale");

/** What a person's `status` says, verbatim and case-sensitive as Webex writes it; null where the member is absent. */
export function outlookOfStatus(status: string | null): Outlook {
  return status === null ? NOT_SHARED : (BY_STATUS.get(status) ?? UNRECOGNIZED);
}
