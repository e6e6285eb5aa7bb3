import { toPrintable } from "../../faults/foreign-text.js";
import type { FilterView } from "./person-rows.js";
import { GAP, STATE_STYLES } from "./presence-labels.js";
import { clip, displayWidth, fit, type Paint, type Style } from "./text.js";

/** Where a key is pressed: in a table, in a search text, in the help, or where none selects. */
export type KeyContext = "table" | "typing" | "help" | "none";

/** The first that fits is shown. */
const KEY_LINES: Readonly<Record<KeyContext, readonly string[]>> = {
  table: [
    "↑ ↓ PgUp PgDn scroll  / search  s state  f refresh  ? help  q quit  FOR: time in this state  AGE: time since Webex confirmed it",
    "↑ ↓ scroll  / search  s state  f refresh  ? help  q quit  FOR: in this state  AGE: since confirmed",
    "↑ ↓ PgUp PgDn scroll  / search  s state  f refresh  ? help  q quit",
    "↑ ↓ scroll  / search  s state  f refresh  ? help  q quit",
    "/ search  s state  f refresh  ? help  q quit",
    "/ search  f refresh  ? help  q quit",
    "? help  f refresh  q quit",
    "? help  q quit",
  ],
  typing: [
    "Type a part of a name or an address. Enter keeps the search, Esc clears it.",
    "Type a part of a name. Enter keeps it, Esc clears it.",
    "Enter: keep  Esc: clear",
  ],
  help: ["Press any key to close the help, q to quit.", "any key: close"],
  none: [
    "q: quit. FOR: time in this state. AGE: time since Webex confirmed it.",
    "q: quit. FOR: in this state. AGE: since confirmed.",
    "q: quit",
  ],
};

const KEYS: readonly (readonly [keys: string, effect: string])[] = [
  ["↑ ↓ PgUp PgDn", "select another person; also Home, End"],
  ["/", "search by name or address"],
  ["s S", "show one state: the next, the previous"],
  ["Esc", "show everyone again"],
  ["f", "ask Webex now for the selected person"],
  ["? q", "help, quit"],
];
const COLUMNS: readonly (readonly [heading: string, meaning: string])[] = [
  ["FOR", "time in this state"],
  ["AGE", "time since Webex confirmed it"],
];
/** A block, as the cursor of the terminal is hidden. */
const TEXT_CURSOR = "█";
/** Of the search text with its label, beside the rest of the line. */
const MIN_SEARCH_WIDTH = 16;

/** The keys in one line. */
export function keyLine(context: KeyContext, columns: number): string {
  const texts = KEY_LINES[context];
  const text = texts.find((each) => displayWidth(each) <= columns) ?? texts.at(-1) ?? "";
  return clip(text, columns);
}

/** What the keys do and what the columns mean, in at most `height` lines. */
export function helpLines(height: number, columns: number, paint: Paint): string[] {
  const width = Math.max(...[...KEYS, ...COLUMNS].map(([name]) => displayWidth(name)));
  const section = (heading: string, items: typeof KEYS): string[] => [
    paint(clip(heading, columns), "bold"),
    ...items.map(([name, text]) => clip(`  ${fit(name, width)}${GAP}${text}`, columns)),
  ];
  return [...section("KEYS", KEYS), ...section("COLUMNS", COLUMNS)].slice(0, height);
}

/** The search and the state that limit a table, and how many people are left. */
export function filterLine(
  { search, isTyping, state, total }: FilterView,
  found: number,
  columns: number,
  paint: Paint,
): string {
  const parts: { readonly text: string; readonly styles: readonly Style[] }[] = [];
  if (state !== null) {
    const { symbol, label, styles } = STATE_STYLES[state];
    parts.push({ text: `State: ${symbol} ${label}`, styles });
  }
  parts.push({ text: `${found} of ${total} people`, styles: ["bold"] });
  if (!isTyping) parts.push({ text: "Esc: everyone", styles: ["faint"] });
  const hasSearch = isTyping || search !== "";
  const label = searchText(search, isTyping, Number.POSITIVE_INFINITY);
  const minWidth = hasSearch ? Math.min(columns, MIN_SEARCH_WIDTH, displayWidth(label)) : 0;
  const widthOf = (): number =>
    parts.reduce((sum, { text }) => sum + displayWidth(text) + GAP.length, minWidth);
  while (parts.length > 0 && widthOf() - (hasSearch ? 0 : GAP.length) > columns) parts.pop();
  const painted = parts.map(({ text, styles }) => paint(text, ...styles));
  if (!hasSearch) return painted.join(GAP);
  const space = columns - (widthOf() - minWidth);
  return [paint(searchText(search, isTyping, space), "bold"), ...painted].join(GAP);
}

/** Of a search text that does not fit, the end, which is being typed. */
function searchText(search: string, isTyping: boolean, width: number): string {
  const cursor = isTyping ? TEXT_CURSOR : "";
  const characters = Array.from(toPrintable(search));
  let text = `Search: ${characters.join("")}${cursor}`;
  while (displayWidth(text) > width && characters.length > 0) {
    characters.shift();
    text = `Search: …${characters.join("")}${cursor}`;
  }
  return clip(text, width);
}
