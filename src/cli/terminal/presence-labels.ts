import { toPrintable } from "../../faults/foreign-text.js";
import {
  REASON_WORDING,
  STATE_WORDING,
  type StateWording,
} from "../../presence/presence-wording.js";
import type { PresenceRecord, PresenceState } from "../../presence/record.js";
import { displayWidth, type Paint, type Style } from "./text.js";

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

/** Gives the states in a line, as `stateText` writes them, their colors. */
export function paintStates(text: string, paint: Paint): string {
  return Object.values(STATE_STYLES).reduce(
    (painted, { symbol, label, styles }) =>
      painted.replaceAll(`${symbol} ${label}`, (state) => paint(state, ...styles)),
    text,
  );
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
