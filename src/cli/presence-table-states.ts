import type { PresenceReason, PresenceRecord, PresenceState } from "../presence/record.js";
import type { Style } from "./terminal-style.js";

interface Look {
  /** From the Windows Glyph List 4, which every console font has; told apart by form alone, never by colour. */
  readonly symbol: string;
  readonly word: string;
  readonly styles: readonly Style[];
}

/** Each state has a symbol, a word and a colour; the order is the one in which totals are told. */
export const STATE_LOOKS: Readonly<Record<PresenceState, Look>> = {
  available: { symbol: "●", word: "available", styles: ["green"] },
  away: { symbol: "○", word: "away", styles: ["yellow"] },
  onCall: { symbol: "♪", word: "on call", styles: ["red"] },
  inMeeting: { symbol: "■", word: "in meeting", styles: ["magenta"] },
  presenting: { symbol: "►", word: "presenting", styles: ["magenta", "bold"] },
  doNotDisturb: { symbol: "▬", word: "do not disturb", styles: ["brightRed", "bold"] },
  outOfOffice: { symbol: "◊", word: "out of office", styles: ["cyan"] },
  offline: { symbol: "×", word: "offline", styles: ["grey"] },
  unknown: { symbol: "?", word: "unknown", styles: ["grey"] },
};

const REASON_WORDS: Readonly<Record<PresenceReason, string>> = {
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
  const { symbol, word } = STATE_LOOKS[state];
  return reason === null ? `${symbol} ${word}` : `${symbol} ${word} (${REASON_WORDS[reason]})`;
}
