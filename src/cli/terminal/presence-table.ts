import type { PresenceRecord, PresenceState } from "../../presence/record.js";
import {
  selectColumns,
  renderHeading,
  displayNameOf,
  renderRecord,
} from "../presence-table-columns.js";
import { STATE_STYLES, stateText } from "../presence-table-states.js";
import { paintFor, type Paint, type Style } from "../terminal-style.js";
import { clip, displayWidth, fit, sanitize, wrap } from "./text.js";

export interface PresenceChange {
  /** ms since 1970 */
  readonly at: number;
  readonly from: PresenceRecord;
  readonly to: PresenceRecord;
}

/** All that a picture of presence shows. */
export interface PresenceTableModel {
  /** ms since 1970 */
  readonly now: number;
  readonly title: string;
  /** Stands at the right of the title where there is room. */
  readonly summary: string;
  /** Sentences above the table, the latest last; the latest stay when there is no room for all. */
  readonly notes: readonly string[];
  /** A first sweep under way, shown in place of the totals; `of` is null while nobody knows how many persons there are. */
  readonly sweep: { readonly persons: number; readonly expected: number | null } | null;
  /** How many persons are in which state, over everyone known. */
  readonly totals: ReadonlyMap<PresenceState, number>;
  readonly records: readonly PresenceRecord[];
  /** The latest first. */
  readonly changes: readonly PresenceChange[];
  readonly footer: string;
}

export interface TableSize {
  readonly columns: number;
  readonly rows: number;
  readonly hasColors: boolean;
}

const HIGHLIGHT_MS = 4000;
const MAX_CHANGES = 6;
const MAX_BAR_WIDTH = 40;
const MIN_TITLE_WIDTH = 22;
const SINGLE_LINE_TOTALS_WIDTH = 150;

/** Draws presence as lines: never more of them than `rows`, none wider than `columns`, no colours unless asked for. */
export function renderPresenceTable(model: PresenceTableModel, size: TableSize): string[] {
  const paint = paintFor(size.hasColors);
  const header = [
    titleLine(model, size.columns, paint),
    ...noteLines(model.notes, size, paint),
    ...summaryLines(model, size, paint),
  ];
  const changes = changeLines(model.changes, size, paint);
  const footer =
    size.rows >= 8 ? [...changes, paint(clip(sanitize(model.footer), size.columns), "faint")] : [];
  const availableRows = Math.max(1, size.rows - header.length - footer.length);
  return [...header, ...tableLines(model, availableRows, size, paint), ...footer].slice(
    0,
    size.rows,
  );
}

/** How many persons a picture has room for, once its notes are down to one line. */
export function personCapacity(rows: number): number {
  const changes = changeCapacity(rows);
  const fixedRows = ["title", "note", "totals", "heading", "footer"].length + (rows >= 24 ? 1 : 0);
  return Math.max(1, rows - fixedRows - (changes === 0 ? 0 : changes + 1));
}

/** A change as one line of text without colours: `Björn Weber  ● available → ♪ on call`. */
export function changeText({ from, to }: PresenceChange): string {
  return `${displayNameOf(to)}  ${stateText(from)} → ${stateText(to)}`;
}

/** Local time as HH:MM:SS. */
export function formatTime(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** How many persons are in which state, in the order of the states: `● 20 available  ○ 7 away`. */
export function totalsText(totals: ReadonlyMap<PresenceState, number>): string {
  return totalItems(totals)
    .map(({ text }) => text)
    .join("  ");
}

function totalItems(totals: ReadonlyMap<PresenceState, number>) {
  return Object.entries(STATE_STYLES).flatMap(([state, { symbol, label: word, styles }]) => {
    const count = totals.get(state as PresenceState) ?? 0;
    return count === 0
      ? []
      : [{ text: `${symbol} ${count} ${word}`, shortText: `${symbol} ${count}`, styles }];
  });
}

function titleLine({ title, summary }: PresenceTableModel, columns: number, paint: Paint): string {
  const right = columns - displayWidth(summary) >= MIN_TITLE_WIDTH ? ` ${sanitize(summary)} ` : "";
  return paint(fit(` ${sanitize(title)}`, columns - displayWidth(right)) + right, "inverse");
}

function noteLines(notes: readonly string[], { columns, rows }: TableSize, paint: Paint): string[] {
  const maxLines = Math.floor(rows / 3.5);
  const wrapped = notes.flatMap((note) => wrap(sanitize(note), columns, 3));
  const last = notes.at(-1);
  const lastNoteHeight = last === undefined ? 0 : wrap(sanitize(last), columns, 3).length;
  return wrapped
    .map((line, index) => (index >= wrapped.length - lastNoteHeight ? line : paint(line, "faint")))
    .slice(-maxLines);
}

function summaryLines(
  { sweep, totals }: PresenceTableModel,
  { columns, rows }: TableSize,
  paint: Paint,
): string[] {
  const availableRows = columns < SINGLE_LINE_TOTALS_WIDTH && rows >= 24 ? 2 : 1;
  const lines = sweep
    ? [progressLine(sweep, columns, paint)]
    : totalsLines(totals, availableRows, columns, paint);
  while (lines.length < availableRows) lines.push("");
  return lines;
}

/** The totals in words where all of them fit, else with the symbols alone, which the table explains. */
function totalsLines(
  totals: PresenceTableModel["totals"],
  availableRows: number,
  columns: number,
  paint: Paint,
): string[] {
  const known = {
    text: `${[...totals.values()].reduce((sum, count) => sum + count, 0)} people`,
    styles: [],
  };
  const inWords = pack([known, ...totalItems(totals)], columns, paint);
  if (inWords.length <= availableRows) return inWords;
  const inSymbols = totalItems(totals).map(({ shortText, styles }) => ({
    text: shortText,
    styles,
  }));
  return pack([known, ...inSymbols], columns, paint).slice(0, availableRows);
}

function pack(
  parts: readonly { readonly text: string; readonly styles: readonly Style[] }[],
  columns: number,
  paint: Paint,
): string[] {
  const lines: string[] = [];
  let width = 0;
  for (const { text, styles } of parts) {
    const painted = paint(clip(text, columns), ...styles);
    const line = lines.at(-1);
    if (line !== undefined && width + displayWidth(text) + 2 <= columns) {
      lines[lines.length - 1] = `${line}  ${painted}`;
      width += displayWidth(text) + 2;
    } else {
      lines.push(painted);
      width = displayWidth(text);
    }
  }
  return lines;
}

function progressLine(
  sweep: NonNullable<PresenceTableModel["sweep"]>,
  columns: number,
  paint: Paint,
): string {
  const { persons, expected } = sweep;
  if (expected === null) return clip(`First sweep: ${persons} people so far`, columns);
  const fraction = Math.min(1, persons / Math.max(1, expected));
  const text = `First sweep: ${persons} of ${expected} people`;
  const availableRows = Math.min(MAX_BAR_WIDTH, columns - displayWidth(text) - 2);
  if (availableRows < 5) return clip(text, columns);
  const filled = Math.round(fraction * availableRows);
  return `${text}  ${paint("█".repeat(filled), "green")}${paint("░".repeat(availableRows - filled), "grey")}`;
}

function tableLines(
  model: PresenceTableModel,
  availableRows: number,
  size: TableSize,
  paint: Paint,
): string[] {
  const columns = selectColumns(size.columns);
  const fresh = new Set(
    model.changes.filter(({ at }) => model.now - at < HIGHLIGHT_MS).map(({ to }) => to.uri),
  );
  const lines = availableRows > 1 ? [renderHeading(columns, paint)] : [];
  const left = availableRows - lines.length;
  const shown = model.records.length <= left ? left : left - 1;
  for (const record of model.records.slice(0, shown)) {
    lines.push(
      renderRecord(record, columns, { now: model.now, fresh: fresh.has(record.uri), paint }),
    );
  }
  const hidden = model.records.length - shown;
  if (hidden > 0)
    lines.push(paint(clip(`and ${hidden} more, for a taller window`, size.columns), "faint"));
  while (lines.length < availableRows) lines.push("");
  return lines;
}

function changeCapacity(rows: number): number {
  return rows < 14 ? 0 : Math.min(MAX_CHANGES, Math.floor(rows / 5));
}

function changeLines(
  changes: readonly PresenceChange[],
  { columns, rows }: TableSize,
  paint: Paint,
): string[] {
  const availableRows = changeCapacity(rows);
  if (availableRows === 0) return [];
  const lines = changes.slice(0, availableRows).map((change) => changeLine(change, columns, paint));
  while (lines.length < availableRows) lines.push("");
  return [paint(clip("LATEST CHANGES", columns), "bold"), ...lines];
}

function changeLine({ at, from, to }: PresenceChange, columns: number, paint: Paint): string {
  const time = formatTime(at);
  const states = `${stateText(from)} → ${stateText(to)}`;
  const availableRows = columns - time.length - 4;
  const nameWidth = Math.max(8, Math.min(24, availableRows - displayWidth(states)));
  const before = clip(stateText(from), Math.max(1, availableRows - nameWidth - 4));
  const after = clip(
    stateText(to),
    Math.max(0, availableRows - nameWidth - displayWidth(before) - 3),
  );
  if (availableRows < 24) return clip(`${time}  ${displayNameOf(to)}`, columns);
  return `${paint(time, "faint")}  ${fit(displayNameOf(to), nameWidth)}  ${before} → ${paint(after, ...STATE_STYLES[to.state].styles)}`;
}
