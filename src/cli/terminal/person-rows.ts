import { toPrintable } from "../../faults/foreign-text.js";
import type { PresenceRecord, PresenceState } from "../../presence/record.js";
import {
  displayNameOf,
  GAP,
  STATE_STYLES,
  stateText,
  uniqueNameWithin,
  type PresenceChange,
} from "./presence-labels.js";
import { clip, fit, type Paint, type Style } from "./text.js";

/** What a search and a filter are. */
export interface FilterView {
  readonly search: string;
  /** Whether the search text is being typed. */
  readonly isTyping: boolean;
  /** Null = any. */
  readonly state: PresenceState | null;
  /** The number of people without it. */
  readonly total: number;
}

/** What the rows show: one person each. */
export interface PersonRows {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly records: readonly PresenceRecord[];
  /** What has left people out of `records`; null = nothing. */
  readonly filter: FilterView | null;
  /** The names that several people have: the address tells them apart. */
  readonly repeatedNames: ReadonlySet<string>;
  /** The latest first. */
  readonly changes: readonly PresenceChange[];
  /** The position of the selected person in `records`; null = nobody can be selected. */
  readonly cursor: number | null;
  /** The addresses that Webex is being asked about. */
  readonly refreshing: ReadonlySet<string>;
}

/** Positions in a list of records: from `start` up to, but excluding, `end`. */
export interface RecordRange {
  readonly start: number;
  readonly end: number;
}

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly align: "left" | "right";
  readonly text: (record: PresenceRecord, rows: PersonRows) => string;
  readonly styles: (record: PresenceRecord) => readonly Style[];
}

const HIGHLIGHT_MS = 4000;
const MIN_WIDTH_FOR_STATE = 12;
const MIN_WIDTH_FOR_AGES = 46;
const MIN_WIDTH_FOR_ADDRESS = 80;
const MAX_STATE_WIDTH = 27;
const NARROW_STATE_WIDTH = 18;
/** Without colors, only the marker shows which person is selected. */
const SELECTED_MARKER = "> ";
const REFRESHING_MARK = "…";

/** Renders at most `height` lines of `width` columns: a heading, and the rows around the cursor. */
export function renderPersonRows(
  rows: PersonRows,
  height: number,
  width: number,
  paint: Paint,
): string[] {
  const { now, records, changes, cursor } = rows;
  const margin = cursor === null || width <= SELECTED_MARKER.length ? "" : SELECTED_MARKER;
  const blankMargin = " ".repeat(margin.length);
  const columns = selectColumns(width - margin.length);
  const heading = columns.map(({ heading: text, width: columnWidth, align }) =>
    fit(text, columnWidth, align),
  );
  const recentlyChanged = new Set(
    changes.filter(({ at }) => now - at < HIGHLIGHT_MS).map(({ to }) => to.uri),
  );
  const lines = height > 1 ? [paint(blankMargin + heading.join(GAP), "bold")] : [];
  const { start, end } = visibleRecords(rows, height);
  for (const [offset, record] of records.slice(start, end).entries()) {
    const isSelected = start + offset === cursor;
    const emphasis: readonly Style[] = recentlyChanged.has(record.uri) ? ["bold"] : [];
    const cells = columns.map(({ width: columnWidth, align, text, styles }, column) =>
      paint(
        fit(text(record, rows), columnWidth, align),
        ...styles(record),
        ...emphasis,
        ...(isSelected && column === 0 ? (["inverse"] as const) : []),
      ),
    );
    lines.push((isSelected ? margin : blankMargin) + cells.join(GAP));
  }
  if (end - start < records.length && lines.length < height)
    lines.push(paint(clip(`${start + 1}–${end} of ${records.length} people`, width), "faint"));
  if (records.length === 0 && rows.filter !== null)
    lines.push(paint(clip(`${blankMargin}Nobody matches.`, width), "faint"));
  return lines;
}

/**
 * Returns which records are visible if heading and rows have `height` lines. The cursor stays in
 * the middle, and the records move, except at the beginning and at the end.
 */
export function visibleRecords({ records, cursor }: PersonRows, height: number): RecordRange {
  const count = records.length;
  const capacity = height > 1 ? height - 1 : height;
  if (count <= capacity) return { start: 0, end: count };
  // The last line says how many there are; if there is only one, it is the selected person's.
  const shown = cursor === null || capacity > 1 ? capacity - 1 : capacity;
  const start = Math.max(0, Math.min((cursor ?? 0) - Math.floor(shown / 2), count - shown));
  return { start, end: start + shown };
}

/**
 * The columns that fit: the name and the state always, then FOR (time in this state) and AGE (time
 * since Webex confirmed it), then the address. Without its column, the address follows a name that
 * several people have, or replaces it if both do not fit.
 */
function selectColumns(width: number): readonly Column[] {
  if (width < MIN_WIDTH_FOR_STATE) return [column("NAME", width, displayNameOf)];
  const hasAddress = width >= MIN_WIDTH_FOR_ADDRESS;
  const hasAges = width >= MIN_WIDTH_FOR_AGES;
  const stateWidth =
    width >= 56
      ? Math.min(MAX_STATE_WIDTH, Math.floor(width * 0.4))
      : Math.min(NARROW_STATE_WIDTH, width - 8);
  const state: Column = {
    ...column("STATE", stateWidth, (record, { refreshing }) =>
      !hasAges && refreshing.has(record.uri)
        ? `${clip(stateText(record), stateWidth - 2)} ${REFRESHING_MARK}`
        : stateText(record),
    ),
    styles: (record) => STATE_STYLES[record.state].styles,
  };
  const ages = hasAges
    ? [
        ageColumn("FOR", ({ since }, { now }) => formatAge(since, now)),
        ageColumn("AGE", ({ uri, observedAt }, { now, refreshing }) =>
          refreshing.has(uri) ? REFRESHING_MARK : formatAge(observedAt, now),
        ),
      ]
    : [];
  const usedWidth = [state, ...ages].reduce((sum, each) => sum + each.width + GAP.length, 0);
  const remaining = Math.max(1, width - usedWidth - (hasAddress ? GAP.length : 0));
  const nameWidth = hasAddress ? Math.min(26, Math.floor(remaining * 0.38)) : remaining;
  const name = column("NAME", nameWidth, (record, { repeatedNames }) =>
    hasAddress ? displayNameOf(record) : uniqueNameWithin(record, repeatedNames, nameWidth),
  );
  const address = column("ADDRESS", remaining - nameWidth, ({ uri }) => toPrintable(uri), "faint");
  return [name, ...(hasAddress ? [address] : []), state, ...ages];
}

function column(
  heading: string,
  width: number,
  text: Column["text"],
  ...styles: readonly Style[]
): Column {
  return { heading, width, align: "left", text, styles: () => styles };
}

function ageColumn(heading: string, text: Column["text"]): Column {
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
