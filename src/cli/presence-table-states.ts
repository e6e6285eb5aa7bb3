import type { PresenceReason, PresenceRecord, PresenceState } from "../presence/record.js";
import type { Style } from "./terminal-style.js";

interface StateStyle {
  /** From the Windows Glyph List 4, which every console font has; told apart by form alone, never by colour. */
  readonly symbol: string;
  readonly label: string;
  readonly styles: readonly Style[];
}

/** Each state has a symbol, a word and a colour; the order is the one in which totals are told. */
export const STATE_STYLES: Readonly<Record<PresenceState, StateStyle>> = {
  available: { symbol: "●", label: "available", styles: ["green"] },
  away: { symbol: "○", label: "away", styles: ["yellow"] },
  onCall: { symbol: "♪", label: "on call", styles: ["red"] },
  inMeeting: { symbol: "■", label: "in meeting", styles: ["magenta"] },
  presenting: { symbol: "►", label: "presenting", styles: ["magenta", "bold"] },
  doNotDisturb: { symbol: "▬", label: "do not disturb", styles: ["brightRed", "bold"] },
  outOfOffice: { symbol: "◊", label: "out of office", styles: ["cyan"] },
  offline: { symbol: "×", label: "offline", styles: ["grey"] },
  unknown: { symbol: "?", label: "unknown", styles: ["grey"] },
};

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
  invalidUri: "no address",
};

/** Symbol and words of a state, with the reason where there is one: `? unknown (stale)`. */
export function stateText({ state, reason }: Pick<PresenceRecord, "state" | "reason">): string {
  const { symbol, label } = STATE_STYLES[state];
  return reason === null ? `${symbol} ${label}` : `${symbol} ${label} (${REASON_LABELS[reason]})`;
}
