/** A metric family (OpenMetrics 1.0). The name of a counter ends with `_total`. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly labelNames: readonly string[];
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export type MetricsFormat = "openMetrics" | "prometheus";

/** Writes metrics in a text format. */
export type FormatMetrics = (
  families: readonly MetricFamily[],
  format: MetricsFormat,
) => Promise<{ readonly contentType: string; readonly text: string }>;
