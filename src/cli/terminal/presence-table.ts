import { toPrintable } from "../../faults/foreign-text.js";
import type { PresenceState } from "../../presence/record.js";
import {
  renderPersonRows,
  visibleRecords,
  type PersonRows,
  type RecordRange,
} from "./person-rows.js";
import {
  GAP,
  STATE_STYLES,
  stateText,
  uniqueNameWithin,
  type PresenceChange,
} from "./presence-labels.js";
import type { ScreenSize } from "./screen.js";
import { filterLine, helpLines, keyLine } from "./table-help.js";
import {
  clip,
  displayWidth,
  fit,
  formatTime,
  paintFor,
  wrap,
  type Paint,
  type Style,
} from "./text.js";

/** Everything that the table shows. */
export interface PresenceTableModel extends PersonRows {
  readonly title: string;
  /** Shown to the right of the title if there is space. */
  readonly summary: string;
  /** Sentences above the table, the latest last. If not all fit, the latest are shown. */
  readonly notes: readonly string[];
  /** Sentences below the notes, the most important first. If not all fit, the first are shown. */
  readonly problems: readonly string[];
  /** Progress of the first sweep, shown instead of the totals; `expected` is null if unknown. */
  readonly sweep: { readonly persons: number; readonly expected: number | null } | null;
  /** The number of known people in each state. */
  readonly totals: ReadonlyMap<PresenceState, number>;
  /** The answer to the user's latest key, shown instead of the keys; null = none. */
  readonly message: string | null;
  /** Whether the explanation of keys and columns is shown instead of the people. */
  readonly hasHelp: boolean;
}

const MAX_CHANGES = 6;
const MAX_BAR_WIDTH = 40;
const MIN_TITLE_WIDTH = 22;
const SINGLE_LINE_TOTALS_WIDTH = 150;
const MAX_MESSAGE_LINES = 3;
const MORE = " …";
/** While fewer rows are left, a search leaves no space for the latest changes. */
const MIN_ROWS_FOR_CHANGES_WITH_FILTER = 24;

/** Renders at most `rows` lines of at most `columns` columns each. */
export function renderPresenceTable(model: PresenceTableModel, size: ScreenSize): string[] {
  const paint = paintFor(size.hasColors);
  const { header, footer, height } = layOut(model, size, paint);
  const lines = model.hasHelp
    ? helpLines(height, size.columns, paint)
    : renderPersonRows(model, height, size.columns, paint);
  const table = padLines(lines, height);
  return [...header, ...table, ...footer].slice(0, size.rows);
}

/** Returns which records a table of this size shows. */
export function visibleRange(model: PresenceTableModel, size: ScreenSize): RecordRange {
  return visibleRecords(model, layOut(model, size, paintFor(false)).height);
}

/** The lines above and below the people, and the height that is left for them. */
function layOut(model: PresenceTableModel, size: ScreenSize, paint: Paint) {
  const title = titleLine(model, size.columns, paint);
  const header = model.hasHelp
    ? [title, ""]
    : [
        title,
        ...noteLines(model, size, paint),
        ...summaryLines(model, size, paint),
        ...filterLines(model, size, paint),
      ];
  const hasChanges =
    !model.hasHelp && size.rows >= (model.filter === null ? 8 : MIN_ROWS_FOR_CHANGES_WITH_FILTER);
  const footer = [
    ...(hasChanges ? changeLines(model, size, paint) : []),
    ...footerLines(model, size, paint),
  ];
  return { header, footer, height: Math.max(1, size.rows - header.length - footer.length) };
}

function filterLines({ filter, records }: PresenceTableModel, size: ScreenSize, paint: Paint) {
  return filter === null ? [] : [filterLine(filter, records.length, size.columns, paint)];
}

function footerLines(
  { message, cursor, hasHelp, filter }: PresenceTableModel,
  { columns, rows }: ScreenSize,
  paint: Paint,
): string[] {
  if (message !== null) {
    const maxLines = Math.min(MAX_MESSAGE_LINES, Math.floor(rows / 5));
    const lines = wrap(toPrintable(message), columns, 2);
    return lines.slice(0, maxLines).map((line, index) => {
      const isCut = index === maxLines - 1 && lines.length > maxLines;
      return paint(clip(isCut ? line + MORE : line, columns), "bold");
    });
  }
  if (rows < 8) return [];
  const keys = hasHelp
    ? "help"
    : cursor === null
      ? "none"
      : filter?.isTyping === true
        ? "typing"
        : "table";
  return [paint(keyLine(keys, columns), "faint")];
}

/** The number of people that a table of this height can show below a note of one line. */
export function personCapacity(rows: number): number {
  const changes = changeCapacity(rows);
  const fixedRows = ["title", "note", "totals", "heading", "footer"].length + (rows >= 24 ? 1 : 0);
  return Math.max(1, rows - fixedRows - (changes === 0 ? 0 : changes + 1));
}

/** The number of people in each state: `● 20 available  ○ 7 away`. */
export function totalsText(totals: ReadonlyMap<PresenceState, number>): string {
  return totalItems(totals, true)
    .map(({ text }) => text)
    .join(GAP);
}

function titleLine({ title, summary }: PresenceTableModel, columns: number, paint: Paint): string {
  const right =
    columns - displayWidth(summary) >= MIN_TITLE_WIDTH ? ` ${toPrintable(summary)} ` : "";
  return paint(fit(` ${toPrintable(title)}`, columns - displayWidth(right)) + right, "inverse");
}

/** Notes and problems take up to a third of the height, the problems at least half of that. */
function noteLines(
  { notes, problems }: PresenceTableModel,
  { columns, rows }: ScreenSize,
  paint: Paint,
): string[] {
  const height = Math.floor(rows / 3.5);
  const lines = notes.flatMap((note, index) =>
    wrap(toPrintable(note), columns, 3)
      .map((line) => clip(line, columns))
      .map((line) => (index === notes.length - 1 ? line : paint(line, "faint"))),
  );
  const noteHeight = Math.min(lines.length, problems.length > 0 ? Math.floor(height / 2) : height);
  return [
    ...lines.slice(lines.length - noteHeight),
    ...problemLines(problems, height - noteHeight, columns),
  ];
}

/** The first lines of the problems. What does not fit is counted in the last line. */
function problemLines(problems: readonly string[], height: number, columns: number): string[] {
  const lines = problems.flatMap((text, problem) =>
    wrap(toPrintable(text), columns, 3).map((line) => ({ line: clip(line, columns), problem })),
  );
  if (lines.length <= height) return lines.map(({ line }) => line);
  const shown = lines.slice(0, Math.max(0, height - 1));
  const isCut = shown.at(-1)?.problem === lines[shown.length]?.problem;
  const hidden = problems.length - 1 - (shown.at(-1)?.problem ?? -1);
  const texts = shown.map(({ line }, index) =>
    isCut && index === shown.length - 1 ? clip(line + MORE, columns) : line,
  );
  const count = `${hidden} ${shown.length === 0 ? "" : "more "}${hidden === 1 ? "problem" : "problems"}`;
  const rest = hidden === 0 ? "… enlarge the window" : `… ${count}: enlarge the window`;
  return height < 1 ? [] : [...texts, clip(rest, columns)];
}

function summaryLines(
  { sweep, totals, filter }: PresenceTableModel,
  { columns, rows }: ScreenSize,
  paint: Paint,
): string[] {
  const height = columns < SINGLE_LINE_TOTALS_WIDTH && rows >= 24 ? 2 : 1;
  if (sweep !== null) return padLines([progressLine(sweep, columns, paint)], height);
  const people = [...totals.values()].reduce((sum, count) => sum + count, 0);
  const total = { text: `${people} people`, styles: [] };
  const labelled = packLines([total, ...totalItems(totals, true, filter?.state)], columns, paint);
  if (labelled.length <= height) return padLines(labelled, height);
  // The table explains the symbols.
  const items = [total, ...totalItems(totals, false, filter?.state)];
  return padLines(packLines(items, columns, paint, height), height);
}

function totalItems(
  totals: ReadonlyMap<PresenceState, number>,
  hasLabels: boolean,
  filteredState: PresenceState | null = null,
) {
  return Object.entries(STATE_STYLES).flatMap(([state, { symbol, label, styles }]) => {
    const count = totals.get(state as PresenceState) ?? 0;
    const text = hasLabels ? `${symbol} ${count} ${label}` : `${symbol} ${count}`;
    const emphasis: readonly Style[] = state === filteredState ? ["inverse"] : [];
    return count === 0 ? [] : [{ text, styles: [...styles, ...emphasis] }];
  });
}

/** Fills lines with as many items as fit into each; the last ends with "…" if not all do. */
function packLines(
  items: readonly { readonly text: string; readonly styles: readonly Style[] }[],
  columns: number,
  paint: Paint,
  maxLines = Number.POSITIVE_INFINITY,
): string[] {
  const lines: string[] = [];
  let width = 0;
  for (const [index, { text, styles }] of items.entries()) {
    const painted = paint(clip(text, columns), ...styles);
    const line = lines.at(-1);
    const extendedWidth = width + GAP.length + displayWidth(text);
    const mayBeCut = lines.length === maxLines && index < items.length - 1;
    if (line !== undefined && extendedWidth + (mayBeCut ? MORE.length : 0) <= columns) {
      lines[lines.length - 1] = line + GAP + painted;
      width = extendedWidth;
    } else if (lines.length < maxLines) {
      lines.push(painted);
      width = displayWidth(text);
    } else {
      if (width + MORE.length <= columns) lines[lines.length - 1] = `${line ?? ""}${MORE}`;
      break;
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

function changeCapacity(rows: number): number {
  return rows < 14 ? 0 : Math.min(MAX_CHANGES, Math.floor(rows / 5));
}

function changeLines(
  { changes, repeatedNames }: PresenceTableModel,
  { columns, rows }: ScreenSize,
  paint: Paint,
): string[] {
  const height = changeCapacity(rows);
  if (height === 0) return [];
  const lines = changes
    .slice(0, height)
    .map((change) => changeLine(change, repeatedNames, columns, paint));
  return [paint(clip("LATEST CHANGES", columns), "bold"), ...padLines(lines, height)];
}

function changeLine(
  { at, from, to }: PresenceChange,
  repeatedNames: ReadonlySet<string>,
  columns: number,
  paint: Paint,
): string {
  const time = formatTime(at);
  const width = columns - time.length - 2 * GAP.length;
  if (width < 24) {
    return clip(`${time}  ${uniqueNameWithin(to, repeatedNames, width + GAP.length)}`, columns);
  }
  const statesWidth = displayWidth(`${stateText(from)} → ${stateText(to)}`);
  const nameWidth = Math.max(8, Math.min(24, width - statesWidth));
  const name = uniqueNameWithin(to, repeatedNames, nameWidth);
  const before = clip(stateText(from), Math.max(1, width - nameWidth - 4));
  const after = clip(stateText(to), Math.max(0, width - nameWidth - displayWidth(before) - 3));
  const change = `${before} → ${paint(after, ...STATE_STYLES[to.state].styles)}`;
  return [paint(time, "faint"), fit(name, nameWidth), change].join(GAP);
}

function padLines(lines: readonly string[], height: number): string[] {
  return Array.from({ length: height }, (_, row) => lines[row] ?? "");
}
