import type { PresenceReason, PresenceRecord, PresenceState } from "../../presence/record.js";
import {
  clip,
  displayWidth,
  fit,
  paintFor,
  sanitize,
  wrap,
  type Paint,
  type Style,
} from "./text.js";

export interface PresenceChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: PresenceRecord;
  readonly to: PresenceRecord;
}

/** Everything that the table shows. */
export interface PresenceTableModel {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly title: string;
  /** Shown to the right of the title if there is space. */
  readonly summary: string;
  /** Sentences above the table, the latest last. If not all fit, the latest are shown. */
  readonly notes: readonly string[];
  /** Progress of the first sweep, shown instead of the totals; `expected` is null if unknown. */
  readonly sweep: { readonly persons: number; readonly expected: number | null } | null;
  /** The number of known people in each state. */
  readonly totals: ReadonlyMap<PresenceState, number>;
  readonly records: readonly PresenceRecord[];
  /** The latest first. */
  readonly changes: readonly PresenceChange[];
}

export interface TableSize {
  readonly columns: number;
  readonly rows: number;
  readonly hasColors: boolean;
}

interface StateStyle {
  /** From the Windows Glyph List 4, which every console font has. No two states share a symbol. */
  readonly symbol: string;
  readonly label: string;
  readonly styles: readonly Style[];
}

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly align: "left" | "right";
  readonly text: (record: PresenceRecord, now: number) => string;
  readonly styles: (record: PresenceRecord) => readonly Style[];
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

const FOOTER = "FOR: time in this state. AGE: time since Webex confirmed it. Press q to quit.";
const GAP = "  ";
const HIGHLIGHT_MS = 4000;
const MAX_CHANGES = 6;
const MAX_BAR_WIDTH = 40;
const MIN_TITLE_WIDTH = 22;
const SINGLE_LINE_TOTALS_WIDTH = 150;
const MIN_WIDTH_FOR_STATE = 12;
const MIN_WIDTH_FOR_AGES = 46;
const MIN_WIDTH_FOR_ADDRESS = 80;
const MAX_STATE_WIDTH = 27;
const NARROW_STATE_WIDTH = 18;

/** Renders at most `rows` lines of at most `columns` columns each. */
export function renderPresenceTable(model: PresenceTableModel, size: TableSize): string[] {
  const paint = paintFor(size.hasColors);
  const header = [
    titleLine(model, size.columns, paint),
    ...noteLines(model.notes, size, paint),
    ...summaryLines(model, size, paint),
  ];
  const footer =
    size.rows < 8
      ? []
      : [...changeLines(model.changes, size, paint), paint(clip(FOOTER, size.columns), "faint")];
  const tableRows = Math.max(1, size.rows - header.length - footer.length);
  const table = tableLines(model, tableRows, size.columns, paint);
  return [...header, ...table, ...footer].slice(0, size.rows);
}

/** The number of people that a table of this height can show below a note of one line. */
export function personCapacity(rows: number): number {
  const changes = changeCapacity(rows);
  const fixedRows = ["title", "note", "totals", "heading", "footer"].length + (rows >= 24 ? 1 : 0);
  return Math.max(1, rows - fixedRows - (changes === 0 ? 0 : changes + 1));
}

/** A change in one line without colors: `Björn Weber  ● available → ♪ on a call`. */
export function changeText({ from, to }: PresenceChange): string {
  return `${displayNameOf(to)}  ${stateText(from)} → ${stateText(to)}`;
}

/** The number of people in each state: `● 20 available  ○ 7 away`. */
export function totalsText(totals: ReadonlyMap<PresenceState, number>): string {
  return totalItems(totals, true)
    .map(({ text }) => text)
    .join(GAP);
}

/** A state's symbol and label, and the reason if there is one: `? unknown (stale)`. */
export function stateText({ state, reason }: PresenceRecord): string {
  const { symbol, label } = STATE_STYLES[state];
  return `${symbol} ${label}${reason === null ? "" : ` (${REASON_LABELS[reason]})`}`;
}

/** The address is shown until Webex provides a display name. */
export function displayNameOf(record: PresenceRecord): string {
  return sanitize(record.displayName ?? record.uri);
}

/** Local time as HH:MM:SS. */
export function formatTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

function titleLine({ title, summary }: PresenceTableModel, columns: number, paint: Paint): string {
  const right = columns - displayWidth(summary) >= MIN_TITLE_WIDTH ? ` ${sanitize(summary)} ` : "";
  return paint(fit(` ${sanitize(title)}`, columns - displayWidth(right)) + right, "inverse");
}

function noteLines(notes: readonly string[], { columns, rows }: TableSize, paint: Paint): string[] {
  const lines = notes.flatMap((note, index) =>
    wrap(sanitize(note), columns, 3)
      .map((line) => clip(line, columns))
      .map((line) => (index === notes.length - 1 ? line : paint(line, "faint"))),
  );
  return lines.slice(-Math.floor(rows / 3.5));
}

function summaryLines(
  { sweep, totals }: PresenceTableModel,
  { columns, rows }: TableSize,
  paint: Paint,
): string[] {
  const height = columns < SINGLE_LINE_TOTALS_WIDTH && rows >= 24 ? 2 : 1;
  if (sweep !== null) return padLines([progressLine(sweep, columns, paint)], height);
  const people = [...totals.values()].reduce((sum, count) => sum + count, 0);
  const total = { text: `${people} people`, styles: [] };
  const lines = packLines([total, ...totalItems(totals, true)], columns, paint);
  if (lines.length <= height) return padLines(lines, height);
  // The table explains the symbols.
  return padLines(packLines([total, ...totalItems(totals, false)], columns, paint), height);
}

function totalItems(totals: ReadonlyMap<PresenceState, number>, hasLabels: boolean) {
  return Object.entries(STATE_STYLES).flatMap(([state, { symbol, label, styles }]) => {
    const count = totals.get(state as PresenceState) ?? 0;
    const text = hasLabels ? `${symbol} ${count} ${label}` : `${symbol} ${count}`;
    return count === 0 ? [] : [{ text, styles }];
  });
}

/** Fills lines with as many items as fit into each. */
function packLines(
  items: readonly { readonly text: string; readonly styles: readonly Style[] }[],
  columns: number,
  paint: Paint,
): string[] {
  const lines: string[] = [];
  let width = 0;
  for (const { text, styles } of items) {
    const painted = paint(clip(text, columns), ...styles);
    const line = lines.at(-1);
    const extendedWidth = width + GAP.length + displayWidth(text);
    if (line !== undefined && extendedWidth <= columns) {
      lines[lines.length - 1] = line + GAP + painted;
      width = extendedWidth;
    } else {
      lines.push(painted);
      width = displayWidth(text);
    }
  }
  return lines;
}

function progressLine(
  { persons, expected }: NonNullable<PresenceTableModel["sweep"]>,
  columns: number,
  paint: Paint,
): string {
  if (expected === null) return clip(`First sweep: ${persons} people so far`, columns);
  const text = `First sweep: ${persons} of ${expected} people`;
  const barWidth = Math.min(MAX_BAR_WIDTH, columns - displayWidth(text) - GAP.length);
  if (barWidth < 5) return clip(text, columns);
  const filled = Math.round(Math.min(1, persons / Math.max(1, expected)) * barWidth);
  const bar = paint("█".repeat(filled), "green") + paint("░".repeat(barWidth - filled), "grey");
  return text + GAP + bar;
}

function tableLines(
  { now, records, changes }: PresenceTableModel,
  height: number,
  width: number,
  paint: Paint,
): string[] {
  const columns = selectColumns(width);
  const heading = columns.map(({ heading: text, width, align }) => fit(text, width, align));
  const lines = height > 1 ? [paint(heading.join(GAP), "bold")] : [];
  const recentlyChanged = new Set(
    changes.filter(({ at }) => now - at < HIGHLIGHT_MS).map(({ to }) => to.uri),
  );
  const capacity = height - lines.length;
  const shown = records.slice(0, records.length <= capacity ? capacity : capacity - 1);
  for (const record of shown) {
    const emphasis: readonly Style[] = recentlyChanged.has(record.uri) ? ["bold"] : [];
    const cells = columns.map(({ width, align, text, styles }) =>
      paint(fit(text(record, now), width, align), ...styles(record), ...emphasis),
    );
    lines.push(cells.join(GAP));
  }
  const hidden = records.length - shown.length;
  if (hidden > 0)
    lines.push(paint(clip(`and ${hidden} more: enlarge the window to see them`, width), "faint"));
  return padLines(lines, height);
}

/**
 * The columns that fit: the name and the state always, then FOR (time in this state) and AGE (time
 * since Webex confirmed it), then the address.
 */
function selectColumns(width: number): readonly Column[] {
  const name = column("NAME", width, displayNameOf);
  if (width < MIN_WIDTH_FOR_STATE) return [name];
  const hasAddress = width >= MIN_WIDTH_FOR_ADDRESS;
  const stateWidth =
    width >= 56
      ? Math.min(MAX_STATE_WIDTH, Math.floor(width * 0.4))
      : Math.min(NARROW_STATE_WIDTH, width - 8);
  const state: Column = {
    ...column("STATE", stateWidth, stateText),
    styles: (record) => STATE_STYLES[record.state].styles,
  };
  const hasAges = width >= MIN_WIDTH_FOR_AGES;
  const ages = hasAges ? [ageColumn("FOR", "since"), ageColumn("AGE", "observedAt")] : [];
  const usedWidth = [state, ...ages].reduce((sum, each) => sum + each.width + GAP.length, 0);
  const remaining = Math.max(1, width - usedWidth - (hasAddress ? GAP.length : 0));
  const nameWidth = hasAddress ? Math.min(26, Math.floor(remaining * 0.38)) : remaining;
  const address = column("ADDRESS", remaining - nameWidth, ({ uri }) => sanitize(uri), "faint");
  return [{ ...name, width: nameWidth }, ...(hasAddress ? [address] : []), state, ...ages];
}

function column(
  heading: string,
  width: number,
  text: Column["text"],
  ...styles: readonly Style[]
): Column {
  return { heading, width, align: "left", text, styles: () => styles };
}

function ageColumn(heading: string, member: "since" | "observedAt"): Column {
  const text: Column["text"] = (record, now) => formatAge(record[member], now);
  return { ...column(heading, 6, text, "faint"), align: "right" };
}

/** Time since a date in one unit, at most six columns wide: `42 s`, `7 min`, `3 h`, `2 d`. */
function formatAge(iso: string | null, now: number): string {
  if (iso === null) return "–";
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

function changeCapacity(rows: number): number {
  return rows < 14 ? 0 : Math.min(MAX_CHANGES, Math.floor(rows / 5));
}

function changeLines(
  changes: readonly PresenceChange[],
  { columns, rows }: TableSize,
  paint: Paint,
): string[] {
  const height = changeCapacity(rows);
  if (height === 0) return [];
  const lines = changes.slice(0, height).map((change) => changeLine(change, columns, paint));
  return [paint(clip("LATEST CHANGES", columns), "bold"), ...padLines(lines, height)];
}

function changeLine({ at, from, to }: PresenceChange, columns: number, paint: Paint): string {
  const time = formatTime(at);
  const name = displayNameOf(to);
  const width = columns - time.length - 2 * GAP.length;
  if (width < 24) return clip(`${time}  ${name}`, columns);
  const statesWidth = displayWidth(`${stateText(from)} → ${stateText(to)}`);
  const nameWidth = Math.max(8, Math.min(24, width - statesWidth));
  const before = clip(stateText(from), Math.max(1, width - nameWidth - 4));
  const after = clip(stateText(to), Math.max(0, width - nameWidth - displayWidth(before) - 3));
  const change = `${before} → ${paint(after, ...STATE_STYLES[to.state].styles)}`;
  return [paint(time, "faint"), fit(name, nameWidth), change].join(GAP);
}

function padLines(lines: readonly string[], height: number): string[] {
  return Array.from({ length: height }, (_, row) => lines[row] ?? "");
}
