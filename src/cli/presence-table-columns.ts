import type { PresenceRecord } from "../presence/record.js";
import { stateText, STATE_STYLES } from "./presence-table-states.js";
import type { Paint, Style } from "./terminal-style.js";
import { fit, sanitize } from "./terminal/text.js";

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly align: "left" | "right";
  readonly text: (record: PresenceRecord, now: number) => string;
  readonly styles: (record: PresenceRecord) => readonly Style[];
}

const GAP = "  ";
const MIN_WIDTH_FOR_ADDRESS = 80;
const MAX_STATE_WIDTH = 27;
const NARROW_STATE_WIDTH = 18;
const MIN_WIDTH_FOR_STATE = 12;

/** The columns that fit into a width: name and state always, then FOR (in this state since) and AGE (since Webex told it), then the address. */
export function selectColumns(width: number): readonly Column[] {
  const withAddress = width >= MIN_WIDTH_FOR_ADDRESS;
  const withAges = width >= 46;
  const name = column("NAME", width, "left", displayNameOf);
  if (width < MIN_WIDTH_FOR_STATE) return [name];
  const stateWidth =
    width >= 56
      ? Math.min(MAX_STATE_WIDTH, Math.floor(width * 0.4))
      : Math.min(NARROW_STATE_WIDTH, width - 8);
  const ages = withAges
    ? [
        column("FOR", 6, "right", timeInState, "faint"),
        column("AGE", 6, "right", timeSinceObserved, "faint"),
      ]
    : [];
  const usedWidth = [stateWidth, ...ages.map(({ width: each }) => each)].reduce(
    (sum, each) => sum + each + GAP.length,
    0,
  );
  const remaining = Math.max(1, width - usedWidth - (withAddress ? GAP.length : 0));
  const nameWidth = withAddress ? Math.min(26, Math.floor(remaining * 0.38)) : remaining;
  return [
    { ...name, width: nameWidth },
    ...(withAddress
      ? [
          column(
            "ADDRESS",
            remaining - nameWidth,
            "left",
            (record) => sanitize(record.uri),
            "faint",
          ),
        ]
      : []),
    {
      heading: "STATE",
      width: stateWidth,
      align: "left",
      text: stateText,
      styles: ({ state }) => STATE_STYLES[state].styles,
    },
    ...ages,
  ];
}

export function renderHeading(columns: readonly Column[], paint: Paint): string {
  return paint(
    columns.map(({ heading, width, align }) => fit(heading, width, align)).join(GAP),
    "bold",
  );
}

/** A person's line; with `fresh`, it stands out because it has just changed. */
export function renderRecord(
  record: PresenceRecord,
  columns: readonly Column[],
  options: { readonly now: number; readonly fresh: boolean; readonly paint: Paint },
): string {
  const { now, fresh, paint } = options;
  const emphasis: readonly Style[] = fresh ? ["bold"] : [];
  return columns
    .map(({ width, align, text, styles }) =>
      paint(fit(text(record, now), width, align), ...styles(record), ...emphasis),
    )
    .join(GAP);
}

/** The name that a person goes by; the address as long as Webex has not told one. */
export function displayNameOf(record: PresenceRecord): string {
  return sanitize(record.displayName ?? record.uri);
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

function timeInState({ since }: PresenceRecord, now: number): string {
  return since === null ? "–" : formatCompactDuration(now - Date.parse(since));
}

function timeSinceObserved({ observedAt }: PresenceRecord, now: number): string {
  return observedAt === null ? "–" : formatCompactDuration(now - Date.parse(observedAt));
}

/** A length of time in its largest unit: `42 s`, `7 min`, `3 h`, `2 d`. */
function formatCompactDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
