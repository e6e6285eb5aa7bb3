import type { WriteStream } from "node:tty";

/** What is asked of an output: a terminal, a pipe or a file. */
export type TextOutput = Partial<Pick<WriteStream, "isTTY" | "columns" | "rows" | "hasColors">>;

type Environment = Readonly<Record<string, string | undefined>>;

/** For terminals that report no size, or 0, such as a serial line or a bare pseudoterminal. */
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
/** Longer lines of text are hard to read, unless `COLUMNS` asks for them. */
const MAX_LINE_LENGTH = 110;
const NO_COLORS = new Set(["0", "false"]);
/** The colors of `Style`. */
const COLOR_COUNT = 16;

/**
 * Whether an output gets colors. `FORCE_COLOR` decides (https://force-color.org; 0 and false mean
 * none, as in Node.js and chalk), then `NO_COLOR` (https://no-color.org), then what Node.js knows of
 * the terminal. Both variables count only if they are not empty.
 */
export function hasColors(output: TextOutput, env: Environment = process.env): boolean {
  const { FORCE_COLOR: force = "", NO_COLOR: no = "", ...others } = env;
  if (force !== "") return !NO_COLORS.has(force.toLowerCase());
  if (no !== "") return false;
  // Node.js 20 takes an empty variable for a set one, so it sees neither.
  return output.isTTY === true && output.hasColors?.(COLOR_COUNT, others) === true;
}

/**
 * The maximum length of a line of text in columns, from `COLUMNS` or the terminal; infinite for a
 * pipe or a file without `COLUMNS`.
 */
export function lineLength(output: TextOutput, env: Environment = process.env): number {
  const preferred = preferredColumns(env);
  if (output.isTTY !== true) return preferred ?? Number.POSITIVE_INFINITY;
  // Some terminals continue in the next line when the last column is filled.
  if (preferred !== null) return Math.max(1, preferred - 1);
  return Math.min(MAX_LINE_LENGTH, terminalSize(output, {}).columns - 1);
}

/** As `lineLength`, for the text of `--help`, which breaks lines itself: also in a pipe. */
export function helpLength(output: TextOutput, env: Environment = process.env): number {
  return preferredColumns(env) ?? terminalSize(output, {}).columns;
}

/**
 * The size of a terminal. `COLUMNS` can only make it narrower: a wider table would continue in the
 * next line of the terminal.
 */
export function terminalSize(
  { columns = 0, rows = 0 }: TextOutput,
  env: Environment = process.env,
): { readonly columns: number; readonly rows: number } {
  const actual = columns > 0 ? columns : DEFAULT_COLUMNS;
  return {
    columns: Math.min(actual, preferredColumns(env) ?? actual),
    rows: rows > 0 ? rows : DEFAULT_ROWS,
  };
}

/** Whether the output is a terminal that can move its cursor and erase what it shows. */
export function canRedraw({ isTTY }: TextOutput, env: Environment = process.env): boolean {
  return isTTY === true && env.TERM !== "dumb";
}

/** The value of `COLUMNS` (POSIX.1-2017, 8.3); null unless it is a positive number. */
function preferredColumns({ COLUMNS = "" }: Environment): number | null {
  return /^[1-9]\d{0,4}$/.test(COLUMNS) ? Number(COLUMNS) : null;
}
