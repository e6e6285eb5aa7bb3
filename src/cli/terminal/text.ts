// Two columns wide: East Asian Wide and Fullwidth (Unicode Standard Annex #11), and emoji shown as pictures.
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;
const EMOJI_STYLE = "\ufe0f";
const ZERO_WIDTH = /^(?:\p{Mark}|\p{Default_Ignorable_Code_Point}|\p{Control})+$/u;
// Control characters, and those that turn the reading direction around: a name may hold them, a terminal must not obey them.
const UNPRINTABLE = /[\p{Control}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu;
// Latin letters and the table's own symbols, one column each: most texts need no closer look, which is slow.
const PLAIN =
  /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u02ff\u2013\u2026\u2190-\u2193\u2580-\u25cf\u266a]*$/;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Text from outside, safe to put into a line of a terminal: what a terminal would obey becomes a space. */
export function sanitize(text: string): string {
  return text.replaceAll(UNPRINTABLE, " ");
}

/** How many columns a text takes; it may hold no escape sequences. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** At most `width` columns of a text; the last one is an ellipsis where something is left out. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 0) return "";
  let kept = "";
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) {
    columns += graphemeWidth(segment);
    if (columns > width - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** Exactly `width` columns: clipped, or filled up with spaces. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const clipped = clip(text, width);
  const space = " ".repeat(Math.max(0, width - displayWidth(clipped)));
  return align === "left" ? clipped + space : space + clipped;
}

/** Breaks a sentence into lines of at most `width` columns, those after the first one indented; a word that is too long is clipped. */
export function wrap(text: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const extended = line === "" ? word : `${line} ${word}`;
    if (displayWidth(extended) <= width || line === "") {
      line = extended;
    } else {
      lines.push(line);
      line = " ".repeat(indent) + word;
    }
  }
  return [...lines, line].map((each) => clip(each, width));
}

function graphemeWidth(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) || grapheme.includes(EMOJI_STYLE) ? 2 : 1;
}
