import type { BenchRuntime } from "./runtime.js";

export interface Series {
  readonly label: string;
  readonly samples: readonly number[];
  /** Whether the samples are the worker's, not those of a baseline. */
  readonly ours?: boolean;
}

/** One plot: series with the same unit, on an axis from zero. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
  /** In the unit of the panel. */
  readonly bound?: { readonly value: number; readonly label: string };
}

/** A row of a bench's table. */
export interface Row {
  readonly measure: string;
  /** The worker's value, with its unit. */
  readonly ours: string;
  /** The baselines with their values, or "". */
  readonly against: string;
  /** The result, usually a ratio. */
  readonly figure: string;
  /** The bound as text; null for a row without one. */
  readonly wanted: string | null;
  readonly met: boolean | null;
}

export interface BenchResult {
  readonly rows: readonly Row[];
  readonly panels: readonly Panel[];
  readonly notes: readonly string[];
  /** Markdown after the plot in the results file. */
  readonly appendix?: string;
}

export interface BenchContext {
  /** The path of the built worker to measure. */
  readonly worker: string;
  /** What launches and memory at rest are measured with: this Node.js and that of the release. */
  readonly runtimes: readonly BenchRuntime[];
  /** The number of rounds to count, at least `atLeast`; a warm-up round precedes them. */
  readonly rounds: (atLeast: number) => number;
  /** Whether a bench that takes many minutes shall do less; such results are not for quoting. */
  readonly quick: boolean;
  /** Reports progress on stderr. */
  readonly log: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  run(context: BenchContext): Promise<BenchResult>;
}

/** A row with a bound: its text, and whether the result meets it. */
export function boundedRow(row: Omit<Row, "wanted" | "met">, wanted: string, met: boolean): Row {
  return { ...row, wanted, met };
}

export function infoRow(row: Omit<Row, "wanted" | "met">): Row {
  return { ...row, wanted: null, met: null };
}
