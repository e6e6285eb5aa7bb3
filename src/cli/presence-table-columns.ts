import type { PresenceRecord } from "../presence/record.js";
import { stateText, STATE_LOOKS } from "./presence-table-states.js";
import type { Paint, Style } from "./terminal-style.js";
import { fit, printable } from "./terminal-text.js";

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly align: "left" | "right";
  readonly text: (record: PresenceRecord, now: number) => string;
  readonly styles: (record: PresenceRecord) => readonly Style[];
}

const GAP = "  ";
const WIDE_ENOUGH_FOR_ADDRESSES = 80;
const LONGEST_STATE = 27;
const SHORTEST_STATE = 18;
const NARROWEST_WITH_STATES = 12;

/** The columns that fit into a width: name and state always, then FOR (in this state since) and AGE (since Webex told it), then the address. */
export function columnsFor(width: number): readonly Column[] {
  const withAddress = width >= WIDE_ENOUGH_FOR_ADDRESSES;
  const withAges = width >= 46;
  const name = column("NAME", width, "left", nameOf);
  if (width < NARROWEST_WITH_STATES) return [name];
  const stateWidth = width >= 56 ? Math.min(LONGEST_STATE, Math.floor(width * 0.4)) : Math.min(SHORTEST_STATE, width - 8);
  const ages = withAges ? [column("FOR", 6, "right", inState, "faint"), column("AGE", 6, "right", age, "faint")] : [];
  const taken = [stateWidth, ...ages.map(({ width: each }) => each)].reduce((sum, each) => sum + each + GAP.length, 0);
  const rest = Math.max(1, width - taken - (withAddress ? GAP.length : 0));
  const nameWidth = withAddress ? Math.min(26, Math.floor(rest * 0.38)) : rest;
  return [
    { ...name, width: nameWidth },
    ...(withAddress ? [column("ADDRESS", rest - nameWidth, "left", (record) => printable(record.uri), "faint")] : []),
    { heading: "STATE", width: stateWidth, align: "left", text: stateText, styles: ({ state }) => STATE_LOOKS[state].styles },
    ...ages,
  ];
}

export function headingLine(columns: readonly Column[], paint: Paint): string {
  return paint(columns.map(({ heading, width, align }) => fit(heading, width, align)).join(GAP), "bold");
}

/** A person's line; with `fresh`, it stands out because it has just changed. */
export function recordLine(
  record: PresenceRecord,
  columns: readonly Column[],
  options: { readonly now: number; readonly fresh: boolean; readonly paint: Paint },
): string {
  const { now, fresh, paint } = options;
  const emphasis: readonly Style[] = fresh ? ["bold"] : [];
  return columns
    .map(({ width, align, text, styles }) => paint(fit(text(record, now), width, align), ...styles(record), ...emphasis))
    .join(GAP);
}

/** The name that a person goes by; the address as long as Webex has not told one. */
export function nameOf(record: PresenceRecord): string {
  return printable(record.displayName ?? record.uri);
}

function column(
  heading: string,
  width: number,
  align: "left" | "right",
  text: (record: PresenceRecord, now: number) => string,
  ...styles: readonly Style[]
): Column {
  return { heading, width, align, text, styles: () => styles };
}

function inState({ since }: PresenceRecord, now: number): string {
  return since === null ? "–" : duration(now - Date.parse(since));
}

function age({ observedAt }: PresenceRecord, now: number): string {
  return observedAt === null ? "–" : duration(now - Date.parse(observedAt));
}

/** A length of time in its largest unit: `42 s`, `7 min`, `3 h`, `2 d`. */
function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
