import type { PresenceReason, PresenceState } from "./record.js";

/** How a state is shown to people. */
export interface StateWording {
  /** From the Windows Glyph List 4, which every console font has. No two states share a symbol. */
  readonly symbol: string;
  readonly label: string;
  /**
   * sRGB, for the symbol; null = that of the text. From the palette of Okabe and Ito (2008), whose
   * colors remain different with color vision deficiency. States of one color are much alike for
   * who wants to reach somebody, and their symbols differ.
   */
  readonly color: string | null;
}

/** Why a state is what it is, for people. */
export interface ReasonWording {
  /** A few words, in parentheses after the state. */
  readonly label: string;
  /** A sentence for an operator, who cannot do anything about it. */
  readonly explanation: string;
}

const GREEN = "#009E73";
const ORANGE = "#E69F00";
const VERMILION = "#D55E00";
const PURPLE = "#CC79A7";
const BLUE = "#0072B2";
const GREY = "#767676";

/** In the order in which states are listed and counted. */
export const STATE_WORDING: Readonly<Record<PresenceState, StateWording>> = {
  available: { symbol: "●", label: "available", color: GREEN },
  away: { symbol: "○", label: "away", color: ORANGE },
  onCall: { symbol: "♪", label: "on a call", color: VERMILION },
  inMeeting: { symbol: "■", label: "in a meeting", color: PURPLE },
  presenting: { symbol: "►", label: "presenting", color: PURPLE },
  doNotDisturb: { symbol: "▬", label: "do not disturb", color: VERMILION },
  outOfOffice: { symbol: "◊", label: "out of office", color: BLUE },
  offline: { symbol: "×", label: "offline", color: null },
  unknown: { symbol: "?", label: "unknown", color: GREY },
};

export const REASON_WORDING: Readonly<Record<PresenceReason, ReasonWording>> = {
  disabled: { label: "disabled", explanation: "Presence from Webex is switched off." },
  blocked: {
    label: "blocked",
    explanation: "Presence is interrupted until an administrator has acted.",
  },
  notReady: { label: "not ready", explanation: "There is no answer from Webex yet." },
  notFound: { label: "not found", explanation: "Nobody in Webex has this address." },
  notShared: { label: "not shared", explanation: "Webex does not share this person's status." },
  stale: { label: "stale", explanation: "Webex has not confirmed the last state in time." },
  neverSignedIn: {
    label: "never signed in",
    explanation: "This person has never signed in to Webex.",
  },
  undetermined: {
    label: "undetermined",
    explanation: "Webex does not say more. The person may be busy.",
  },
  unrecognizedStatus: {
    label: "new status",
    explanation: "Webex reports a status that this version does not know.",
  },
  invalidUri: { label: "invalid address", explanation: "This is not an address of a person." },
};

/** A state's label where it stands by itself or at a beginning: "On a call". */
export function stateTitle(state: PresenceState): string {
  const { label } = STATE_WORDING[state];
  return label.charAt(0).toUpperCase() + label.slice(1);
}

/** The states and reasons that a record can have together, in the order of the lists. */
export function possibleValues(): readonly (readonly [PresenceState, PresenceReason | null])[] {
  const reasons = Object.keys(REASON_WORDING) as PresenceReason[];
  return (Object.keys(STATE_WORDING) as PresenceState[]).flatMap((state) =>
    reasonsOf(state, reasons).map((reason) => [state, reason] as const),
  );
}

function reasonsOf(
  state: PresenceState,
  reasons: readonly PresenceReason[],
): readonly (PresenceReason | null)[] {
  if (state === "unknown") return reasons.filter((reason) => reason !== "neverSignedIn");
  return state === "offline" ? ["neverSignedIn"] : [null];
}
