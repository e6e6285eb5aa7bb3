import type { PresenceReason, PresenceState } from "../../../presence/record.js";
import type { DashboardPerson } from "../../dashboard-model.js";

/** In the order of the filter. Each state has an icon of its own: color alone says nothing. */
export const STATE_LABELS: Readonly<Record<PresenceState, string>> = {
  available: "Available",
  away: "Away",
  onCall: "On a call",
  inMeeting: "In a meeting",
  presenting: "Presenting",
  doNotDisturb: "Do not disturb",
  outOfOffice: "Out of office",
  offline: "Offline",
  unknown: "Unknown",
};

const REASON_LABELS: Readonly<Record<PresenceReason, string>> = {
  disabled: "presence is off",
  blocked: "Webex cannot be asked",
  notReady: "no answer yet",
  notFound: "not found in Webex",
  notShared: "status is not shared",
  stale: "not confirmed lately",
  neverSignedIn: "never signed in",
  undetermined: "Webex does not know",
  unrecognizedStatus: "new Webex status",
  invalidUri: "not an address",
};

/** Why a state is what it is, in words; "" if it needs no reason. */
export function reasonText({
  reason,
  webexStatus,
}: Pick<DashboardPerson, "reason" | "webexStatus">): string {
  if (reason === null) return "";
  if (reason === "unrecognizedStatus" && webexStatus !== null)
    return `${REASON_LABELS[reason]} “${webexStatus}”`;
  return REASON_LABELS[reason];
}
