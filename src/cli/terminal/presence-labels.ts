import { toPrintable } from "../../faults/foreign-text.js";
import {
  REASON_WORDING,
  STATE_WORDING,
  type StateWording,
} from "../../presence/presence-wording.js";
import type { PresenceRecord, PresenceState } from "../../presence/record.js";
import { displayWidth, type Style } from "./text.js";

export interface PresenceChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: PresenceRecord;
  readonly to: PresenceRecord;
}

interface StateStyle extends StateWording {
  readonly styles: readonly Style[];
}

const STYLES: Readonly<Record<PresenceState, readonly Style[]>> = {
  available: ["green"],
  away: ["yellow"],
  onCall: ["red"],
  inMeeting: ["magenta"],
  presenting: ["magenta", "bold"],
  doNotDisturb: ["brightRed", "bold"],
  outOfOffice: ["cyan"],
  offline: ["grey"],
  unknown: ["grey"],
};

/** How each state is shown, in the order of the totals. */
export const STATE_STYLES = Object.fromEntries(
  Object.entries(STATE_WORDING).map(([state, wording]) => [
    state,
    { ...wording, styles: STYLES[state as PresenceState] },
  ]),
) as Readonly<Record<PresenceState, StateStyle>>;

/** Between two columns. */
export const GAP = "  ";

/** A change in one line without colors: `Björn Weber  ● available → ♪ on a call`. */
export function changeText({ from, to }: PresenceChange): string {
  return `${displayNameOf(to)}  ${stateText(from)} → ${stateText(to)}`;
}

/** A state's symbol and label, and the reason if there is one: `? unknown (stale)`. */
export function stateText({ state, reason }: Pick<PresenceRecord, "state" | "reason">): string {
  const { symbol, label } = STATE_STYLES[state];
  return `${symbol} ${label}${reason === null ? "" : ` (${REASON_WORDING[reason].label})`}`;
}

/** The names that several people have, so that the name alone does not tell who is meant. */
export function repeatedNamesOf(records: readonly PresenceRecord[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { displayName } of records) {
    if (displayName === null) continue;
    if (seen.has(displayName)) repeated.add(displayName);
    else seen.add(displayName);
  }
  return repeated;
}

/** As `uniqueNameOf`, or the address alone if both take more than `width` columns. */
export function uniqueNameWithin(
  record: PresenceRecord,
  repeatedNames: ReadonlySet<string>,
  width: number,
): string {
  if (!repeatedNames.has(record.displayName ?? "")) return displayNameOf(record);
  const both = uniqueNameOf(record, repeatedNames);
  return displayWidth(both) <= width ? both : toPrintable(record.uri);
}

/** The display name, with the address if it is one of `repeatedNames`: `Ada (ada@x.example)`. */
export function uniqueNameOf(record: PresenceRecord, repeatedNames: ReadonlySet<string>): string {
  const name = displayNameOf(record);
  return repeatedNames.has(record.displayName ?? "")
    ? `${name} (${toPrintable(record.uri)})`
    : name;
}

/** The address is shown until Webex provides a display name. */
export function displayNameOf(record: PresenceRecord): string {
  return toPrintable(record.displayName ?? record.uri);
}
