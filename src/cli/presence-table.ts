import type { PresenceRecord, PresenceState } from "../presence/record.js";
import { columnsFor, headingLine, nameOf, recordLine } from "./presence-table-columns.js";
import { STATE_LOOKS, stateText } from "./presence-table-states.js";
import { paintFor, type Paint, type Style } from "./terminal-style.js";
import { clip, displayWidth, fit, printable, wrap } from "./terminal-text.js";

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
  readonly figures: string;
  /** Sentences above the table, the latest last; the latest stay when there is no room for all. */
  readonly notes: readonly string[];
  /** A first sweep under way, shown in place of the totals; `of` is null while nobody knows how many persons there are. */
  readonly sweep: { readonly persons: number; readonly of: number | null } | null;
  /** How many persons are in which state, over everyone known. */
  readonly totals: ReadonlyMap<PresenceState, number>;
  readonly records: readonly PresenceRecord[];
  /** The latest first. */
  readonly changes: readonly PresenceChange[];
  readonly footer: string;
}

export interface PictureSize {
  readonly columns: number;
  readonly rows: number;
  readonly colours: boolean;
}

const FRESH_FOR_MS = 4000;
const MOST_CHANGES = 6;
const LONGEST_BAR = 40;
const SHORTEST_TITLE = 22;
const WIDTH_OF_ALL_TOTALS = 150;

/** Draws presence as lines: never more of them than `rows`, none wider than `columns`, no colours unless asked for. */
export function presenceTable(model: PresenceTableModel, size: PictureSize): string[] {
  const paint = paintFor(size.colours);
  const head = [
    titleLine(model, size.columns, paint),
    ...noteLines(model.notes, size, paint),
    ...situationLines(model, size, paint),
  ];
  const feed = changeLines(model.changes, size, paint);
  const foot = size.rows >= 8 ? [...feed, paint(clip(printable(model.footer), size.columns), "faint")] : [];
  const room = Math.max(1, size.rows - head.length - foot.length);
  return [...head, ...tableLines(model, room, size, paint), ...foot].slice(0, size.rows);
}

/** How many persons a picture has room for, once its notes are down to one line. */
export function roomForPersons(rows: number): number {
  const changes = roomForChanges(rows);
  const around = ["title", "note", "totals", "heading", "footer"].length + (rows >= 24 ? 1 : 0);
  return Math.max(1, rows - around - (changes === 0 ? 0 : changes + 1));
}

/** A change as one line of text without colours: `Björn Weber  ● available → ♪ on call`. */
export function changeText({ from, to }: PresenceChange): string {
  return `${nameOf(to)}  ${stateText(from)} → ${stateText(to)}`;
}

/** Local time as HH:MM:SS. */
export function clockTime(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** How many persons are in which state, in the order of the states: `● 20 available  ○ 7 away`. */
export function totalsText(totals: ReadonlyMap<PresenceState, number>): string {
  return totalParts(totals)
    .map(({ text }) => text)
    .join("  ");
}

function totalParts(totals: ReadonlyMap<PresenceState, number>) {
  return Object.entries(STATE_LOOKS).flatMap(([state, { symbol, word, styles }]) => {
    const count = totals.get(state as PresenceState) ?? 0;
    return count === 0 ? [] : [{ text: `${symbol} ${count} ${word}`, brief: `${symbol} ${count}`, styles }];
  });
}

function titleLine({ title, figures }: PresenceTableModel, columns: number, paint: Paint): string {
  const right = columns - displayWidth(figures) >= SHORTEST_TITLE ? ` ${printable(figures)} ` : "";
  return paint(fit(` ${printable(title)}`, columns - displayWidth(right)) + right, "inverse");
}

function noteLines(notes: readonly string[], { columns, rows }: PictureSize, paint: Paint): string[] {
  const most = Math.floor(rows / 3.5);
  const wrapped = notes.flatMap((note) => wrap(printable(note), columns, 3));
  const last = notes.at(-1);
  const newest = last === undefined ? 0 : wrap(printable(last), columns, 3).length;
  return wrapped.map((line, index) => (index >= wrapped.length - newest ? line : paint(line, "faint"))).slice(-most);
}

function situationLines({ sweep, totals }: PresenceTableModel, { columns, rows }: PictureSize, paint: Paint): string[] {
  const room = columns < WIDTH_OF_ALL_TOTALS && rows >= 24 ? 2 : 1;
  const lines = sweep ? [progressLine(sweep, columns, paint)] : totalsLines(totals, room, columns, paint);
  while (lines.length < room) lines.push("");
  return lines;
}

/** The totals in words where all of them fit, else with the symbols alone, which the table explains. */
function totalsLines(totals: PresenceTableModel["totals"], room: number, columns: number, paint: Paint): string[] {
  const known = { text: `${[...totals.values()].reduce((sum, count) => sum + count, 0)} people`, styles: [] };
  const inWords = pack([known, ...totalParts(totals)], columns, paint);
  if (inWords.length <= room) return inWords;
  const inSymbols = totalParts(totals).map(({ brief, styles }) => ({ text: brief, styles }));
  return pack([known, ...inSymbols], columns, paint).slice(0, room);
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

function progressLine(sweep: NonNullable<PresenceTableModel["sweep"]>, columns: number, paint: Paint): string {
  const { persons, of } = sweep;
  if (of === null) return clip(`First sweep: ${persons} people so far`, columns);
  const done = Math.min(1, persons / Math.max(1, of));
  const words = `First sweep: ${persons} of ${of} people`;
  const room = Math.min(LONGEST_BAR, columns - displayWidth(words) - 2);
  if (room < 5) return clip(words, columns);
  const filled = Math.round(done * room);
  return `${words}  ${paint("█".repeat(filled), "green")}${paint("░".repeat(room - filled), "grey")}`;
}

function tableLines(model: PresenceTableModel, room: number, size: PictureSize, paint: Paint): string[] {
  const columns = columnsFor(size.columns);
  const fresh = new Set(model.changes.filter(({ at }) => model.now - at < FRESH_FOR_MS).map(({ to }) => to.uri));
  const lines = room > 1 ? [headingLine(columns, paint)] : [];
  const left = room - lines.length;
  const shown = model.records.length <= left ? left : left - 1;
  for (const record of model.records.slice(0, shown)) {
    lines.push(recordLine(record, columns, { now: model.now, fresh: fresh.has(record.uri), paint }));
  }
  const hidden = model.records.length - shown;
  if (hidden > 0) lines.push(paint(clip(`and ${hidden} more, for a taller window`, size.columns), "faint"));
  while (lines.length < room) lines.push("");
  return lines;
}

function roomForChanges(rows: number): number {
  return rows < 14 ? 0 : Math.min(MOST_CHANGES, Math.floor(rows / 5));
}

function changeLines(changes: readonly PresenceChange[], { columns, rows }: PictureSize, paint: Paint): string[] {
  const room = roomForChanges(rows);
  if (room === 0) return [];
  const lines = changes.slice(0, room).map((change) => changeLine(change, columns, paint));
  while (lines.length < room) lines.push("");
  return [paint(clip("LATEST CHANGES", columns), "bold"), ...lines];
}

function changeLine({ at, from, to }: PresenceChange, columns: number, paint: Paint): string {
  const time = clockTime(at);
  const states = `${stateText(from)} → ${stateText(to)}`;
  const room = columns - time.length - 4;
  const nameWidth = Math.max(8, Math.min(24, room - displayWidth(states)));
  const before = clip(stateText(from), Math.max(1, room - nameWidth - 4));
  const after = clip(stateText(to), Math.max(0, room - nameWidth - displayWidth(before) - 3));
  if (room < 24) return clip(`${time}  ${nameOf(to)}`, columns);
  return `${paint(time, "faint")}  ${fit(nameOf(to), nameWidth)}  ${before} → ${paint(after, ...STATE_LOOKS[to.state].styles)}`;
}
