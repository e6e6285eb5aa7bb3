import { toPrintable } from "../../faults/foreign-text.js";
import type { PresenceReason, PresenceRecord, PresenceState } from "../../presence/record.js";
import { displayWidth, type Paint, type Style } from "./text.js";

export interface PresenceChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: PresenceRecord;
  readonly to: PresenceRecord;
}

interface StateStyle {
  /** From the Windows Glyph List 4, which every console font has. No two states share a symbol. */
  readonly symbol: string;
  readonly label: string;
  readonly styles: readonly Style[];
}

/** How each state is shown, in the order of the totals. */
export const STATE_STYLES: Readonly<Record<PresenceState, StateStyle>> = {
  available: { symbol: "●", label: "available", styles: ["green"] },
  away: { symbol: "○", label: "away", styles: ["yellow"] },
  onCall: { symbol: "♪", label: "on a call", styles: ["red"] },
  inMeeting: { symbol: "■", label: "in a meeting", styles: ["magenta"] },
  presenting: { symbol: "►", label: "presenting", styles: ["magenta", "bold"] },
  doNotDisturb: { symbol: "▬", label: "do not disturb", styles: ["brightRed", "bold"] },
  outOfOffice: { symbol: "◊", label: "out of office", styles: ["cyan"] },
  offline: { symbol: "×", label: "offline", styles: ["grey"] },
  unknown: { symbol: "?", label: "unknown", styles: ["grey"] },
};

/** Between two columns. */
export const GAP = "  ";

const REASON_LABELS: Readonly<Record<PresenceReason, string>> = {
  disabled: "disabled",
  blocked: "blocked",
  notReady: "not ready",
  notFound: "not found",
  notShared: "not shared",
  stale: "stale",
  neverSignedIn: "never signed in",
  undetermined: "undetermined",
  unrecognizedStatus: "new status",
  invalidUri: "invalid address",
};

/** A change in one line without colors: `Björn Weber  ● available → ♪ on a call`. */
export function changeText({ from, to }: PresenceChange): string {
  return `${displayNameOf(to)}  ${stateText(from)} → ${stateText(to)}`;
}

/** A state's symbol and label, and the reason if there is one: `? unknown (stale)`. */
export function stateText({ state, reason }: Pick<PresenceRecord, "state" | "reason">): string {
  const { symbol, label } = STATE_STYLES[state];
  return `${symbol} ${label}${reason === null ? "" : ` (${REASON_LABELS[reason]})`}`;
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
