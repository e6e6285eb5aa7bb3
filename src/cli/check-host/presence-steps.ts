// The states that the scripted worker sends, and the order in which a host has to show them.
import type { PresenceReason, PresenceRecord, PresenceState } from "../../presence/record.js";

/** Each known state is in it once, so that what the host shows between two of them is clear. */
export const PRESENCE_STEPS: readonly {
  readonly state: PresenceState;
  /** Then the worker sends `unknown` with this reason. */
  readonly thenUnknown: PresenceReason;
}[] = [
  { state: "available", thenUnknown: "stale" },
  { state: "away", thenUnknown: "notReady" },
  { state: "onCall", thenUnknown: "blocked" },
  { state: "inMeeting", thenUnknown: "disabled" },
  { state: "presenting", thenUnknown: "undetermined" },
  { state: "doNotDisturb", thenUnknown: "unrecognizedStatus" },
  { state: "outOfOffice", thenUnknown: "notShared" },
  { state: "offline", thenUnknown: "notFound" },
];
/** Follows the last of these steps. */
export const LAST_STATE: PresenceState = "available";
/** Sent with the ID of a subscription that the host does not have. */
export const FOREIGN_STATE: PresenceState = "doNotDisturb";
/** Follows the foreign state, with the ID of the host's own subscription. */
export const STATE_AFTER_FOREIGN: PresenceState = "away";
/** The answers to the two decisions of a session: the second one is an old record. */
export const FRESH_STATE: PresenceState = "presenting";
/** Sent after unexpected messages, and after error responses. */
export const STATE_AFTER_UNEXPECTED: PresenceState = "inMeeting";
export const STATE_AFTER_ERRORS: PresenceState = "onCall";
/** The state in the response to `presence/subscribe`. */
export const FIRST_STATE: PresenceState = "onCall";

/** An address that takes more bytes than characters. */
export const NON_ASCII_ADDRESS = "zoë.ångström@northwind.example";
/** Whom a worker knows whose host subscribes to everyone. */
export const EVERYONE = ["ada@northwind.example", "bo@northwind.example"] as const;

export const CRASH_CODE = 70;
/** Of the manifest in the scenarios: short, so that a check takes seconds. */
export const DELAYS_SECONDS = [0.5, 1, 2] as const;
export const FLOOD_CHANGES = 100_000;
export const FLOOD_ERROR_BYTES = 1024 * 1024;
export const SLOW_RESPONSE_MS = 2_000;
export const OLD_RECORD_MS = 60_000;

const BASIC: Partial<Record<PresenceState, PresenceRecord["basic"]>> = {
  unknown: null,
  offline: "closed",
  outOfOffice: "closed",
};

/** A record as the worker sends it, confirmed at `observedAt` (milliseconds since 1970). */
export function presenceRecord(
  uri: string,
  state: PresenceState,
  reason: PresenceReason | null,
  observedAt: number,
): PresenceRecord {
  const time = new Date(observedAt).toISOString();
  return {
    uri,
    state,
    basic: BASIC[state] === undefined ? "open" : BASIC[state],
    activities: [],
    reason,
    webexStatus: null,
    displayName: "Ada Admin",
    personId: "Y2lzY29zcGFyazovL3VzL1BFT1BMRS8x",
    orgId: "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8x",
    lastActivity: null,
    since: time,
    observedAt: time,
  };
}
