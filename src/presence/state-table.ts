import type { PresenceReason, PresenceRecord, PresenceState } from "./record.js";

/** The part of a record that follows from one cause. Each outlook exists once, so that two are the same if they are identical. */
export interface PresenceValue {
  readonly state: PresenceState;
  readonly basic: PresenceRecord["basic"];
  readonly activities: readonly string[];
  readonly reason: PresenceReason | null;
}

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

/** `status` of `GET /people` (developer.webex.com, "People") to presence. Webex reports "busy" as `unknown`: it never means offline. */
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

/** What a person's `status` says, verbatim and case-sensitive as Webex writes it; null where the member is absent. */
export function mapWebexStatus(status: string | null): PresenceValue {
  return status === null ? NOT_SHARED : (VALUE_BY_STATUS.get(status) ?? UNRECOGNIZED);
}
