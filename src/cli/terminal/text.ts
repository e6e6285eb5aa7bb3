import { toPrintable } from "../../faults/foreign-text.js";

// The sixteen colors that every terminal has, so that the user's theme decides how they look
// (Select Graphic Rendition, ECMA-48 8.3.117).
const STYLES = {
  bold: "1",
  faint: "2",
  inverse: "7",
  red: "31",
  green: "32",
  yellow: "33",
  magenta: "35",
  cyan: "36",
  grey: "90",
  brightRed: "91",
} as const;

export type Style = keyof typeof STYLES;

/** What `paintFor` adds to a text. */
// eslint-disable-next-line no-control-regex -- terminals take these
const STYLE_SEQUENCE = /(\u001b\[[\d;]{1,12}m)/;

/** Applies styles to a text. */
export type Paint = (text: string, ...styles: readonly Style[]) => string;

/** How texts for a user are laid out. `width` is the maximum length of a line; may be infinite. */
export interface TextFormat {
  readonly paint: Paint;
  readonly width: number;
}

/** Without colors, the returned function leaves every text unchanged. */
export function paintFor(hasColors: boolean): Paint {
  if (!hasColors) return (text) => text;
  return (text, ...styles) =>
    styles.length === 0 || text === ""
      ? text
      : `\u001b[${styles.map((style) => STYLES[style]).join(";")}m${text}\u001b[0m`;
}

// Two columns wide: East Asian Wide and Fullwidth (Unicode Standard Annex #11), and emoji.
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;
const EMOJI_STYLE = "\ufe0f";
const ZERO_WIDTH = /^(?:\p{Mark}|\p{Default_Ignorable_Code_Point}|\p{Control})+$/u;
// A fast path, because segmenting is slow: Latin letters and the table's symbols, one column each.
const PLAIN =
  /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u02ff\u2013\u2026\u2190-\u2193\u2580-\u25cf\u266a]*$/;
/** Spaces at which a line may end: not between a number and its unit. */
const BREAKABLE_SPACE = /(?<!\d) | (?!(?:ms|s|min|h|d|days?)(?![\p{L}\d]))/u;
/** Times as the worker writes them into the texts of problems. */
const ISO_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** The segmenter takes quadratic time for a long text. Nobody sees a longer grapheme as one. */
const MAX_GRAPHEME_LENGTH = 256;

/**
 * As `toPrintable`, but keeps styles: for everything that is printed, just before. Text from
 * outside is made printable before it is styled, so that it brings no styles of its own.
 */
export function toPrintableStyled(text: string): string {
  return text
    .split(STYLE_SEQUENCE)
    .map((part, index) => (index % 2 === 0 ? toPrintable(part) : part))
    .join("");
}

function* graphemesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const part = text.slice(start, start + MAX_GRAPHEME_LENGTH);
    const segments = Array.from(graphemes.segment(part), ({ segment }) => segment);
    // The last one may continue behind the part.
    if (segments.length > 1 && start + part.length < text.length) segments.pop();
    for (const segment of segments) {
      yield segment;
      start += segment.length;
    }
  }
}

/** The number of terminal columns that a text without escape sequences takes up. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const segment of graphemesOf(text)) width += graphemeWidth(segment);
  return width;
}

/** As `displayWidth(text) <= width`, but reads no further than it has to. */
function fits(text: string, width: number): boolean {
  // No character takes more than two columns.
  if (2 * text.length <= width) return true;
  if (PLAIN.test(text)) return text.length <= width;
  let columns = 0;
  for (const segment of graphemesOf(text)) {
    columns += graphemeWidth(segment);
    if (columns > width) return false;
  }
  return columns <= width;
}

/** Shortens a text to at most `width` columns, the last of which is then an ellipsis. */
export function clip(text: string, width: number): string {
  if (width === Infinity || fits(text, width)) return text;
  if (width <= 0) return "";
  let kept = "";
  let columns = 0;
  for (const segment of graphemesOf(text)) {
    columns += graphemeWidth(segment);
    if (columns > width - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** Clips a text to `width` columns or pads it with spaces to that width. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const clipped = clip(text, width);
  const space = " ".repeat(Math.max(0, width - displayWidth(clipped)));
  return align === "left" ? clipped + space : space + clipped;
}

/**
 * Breaks a text between words into lines of at most `width` columns and indents every line but the
 * first. A number and its unit stay together. A path that is longer than a line is broken behind
 * its separators. Any other word that is too long stays whole, because it may be an ID to copy, and
 * so does a URL.
 */
export function wrap(text: string, width: number, indent: number): string[] {
  if (width === Infinity) return [text];
  const margin = " ".repeat(indent);
  const lines: string[] = [];
  let line: string | null = null;
  // Of `line`; to measure all of it again for each word would take quadratic time.
  let columns = 0;
  for (const word of text.split(BREAKABLE_SPACE)) {
    for (const [index, part] of partsOf(word, width - indent).entries()) {
      const partColumns = displayWidth(part);
      const space = index === 0 ? " " : "";
      if (line === null) {
        line = part;
        columns = partColumns;
      } else if (columns + space.length + partColumns <= width) {
        line += space + part;
        columns += space.length + partColumns;
      } else {
        lines.push(line);
        line = margin + part;
        columns = indent + partColumns;
      }
    }
  }
  return [...lines, line ?? ""];
}

/** The word, or the parts of a path that does not fit into a line. */
function partsOf(word: string, width: number): string[] {
  if (word.includes("://") || fits(word, width)) return [word];
  return word.split(/(?<=[/\\])(?=[^/\\])/);
}

/** Names and values in two columns, indented by two; a long value continues below itself. */
export function fieldLines(
  fields: readonly (readonly [name: string, value: string])[],
  width: number,
): string[] {
  const nameWidth = Math.max(...fields.map(([name]) => displayWidth(name)));
  return fields.flatMap(([name, value]) =>
    wrap(value, width - nameWidth - 4, 0).map(
      (line, index) => `  ${fit(index === 0 ? name : "", nameWidth)}  ${line}`,
    ),
  );
}

/** Local time as `2026-11-22 14:05`; a dash if there is none or it cannot be parsed. */
export function formatDateTime(iso: string | null): string {
  const date = new Date(iso ?? Number.NaN);
  if (Number.isNaN(date.getTime())) return "–";
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16).replace("T", " ");
}

/** Local time as `14:05:11`. */
export function formatTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/**
 * Replaces the ISO 8601 times in a text by local times, with the date unless it is that of `now`
 * (milliseconds since 1970).
 */
export function withLocalTimes(text: string, now: number): string {
  const [today] = formatDateTime(new Date(now).toISOString()).split(" ");
  return text.replaceAll(ISO_TIME, (iso) => {
    if (Number.isNaN(Date.parse(iso))) return iso;
    const [date = ""] = formatDateTime(iso).split(" ");
    const time = formatTime(Date.parse(iso));
    return date === today ? time : `${date} ${time}`;
  });
}

/** Remaining time as on a stopwatch: `9:58`. */
export function formatCountdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A duration in a single unit: `42 s`, `7 min`, `3 h`, `2 days`; a dash if it is unknown. */
export function formatDuration(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return "–";
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}

function graphemeWidth(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) || grapheme.includes(EMOJI_STYLE) ? 2 : 1;
}
