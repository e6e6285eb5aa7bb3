import type { Panel } from "./svg-plot.js";

/** One line of a bench's table. */
export interface Row {
  readonly measure: string;
  /** The product's own figure, with its unit. */
  readonly ours: string;
  /** What it is held against, named, with its figure; "" where there is nothing. */
  readonly against: string;
  /** What counts, mostly a ratio. */
  readonly figure: string;
  /** The bound in words; null for a row that only informs. */
  readonly wanted: string | null;
  readonly met: boolean | null;
}

export interface BenchResult {
  readonly rows: readonly Row[];
  readonly panels: readonly Panel[];
  /** Sentences for the reader of the results. */
  readonly notes: readonly string[];
  /** Markdown that follows the table in the results' file. */
  readonly appendix?: string;
}

export interface BenchContext {
  /** The built worker that is measured. */
  readonly worker: string;
  /** Rounds counted, at least; a first one goes before them and is dropped. */
  readonly rounds: (atLeast: number) => number;
  /** Says what is under way, on stderr. */
  readonly log: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  run(context: BenchContext): Promise<BenchResult>;
}

/** A row that is met when `value` is at most, or at least, `bound`. */
export function boundedRow(row: Omit<Row, "wanted" | "met">, wanted: string, met: boolean): Row {
  return { ...row, wanted, met };
}

export function infoRow(row: Omit<Row, "wanted" | "met">): Row {
  return { ...row, wanted: null, met: null };
}
