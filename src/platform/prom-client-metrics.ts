import type { RegistryContentType } from "prom-client";

import type { FormatMetrics } from "../ports/metrics.js";
import { loadLibrary } from "./lazy-modules.js";

/**
 * Writes metrics with prom-client. Each call has a registry of its own, so that a sample that is
 * not there any more is not written any more.
 */
export const formatMetrics: FormatMetrics = async (families, format) => {
  const { Counter, Gauge, Registry } = await loadLibrary("prom-client");
  const contentType: RegistryContentType =
    format === "openMetrics" ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(contentType);
  for (const { name, help, type, labelNames, samples } of families) {
    const options = { name, help, labelNames, registers: [registry] };
    if (type === "counter") {
      const counter = new Counter(options);
      for (const { labels, value } of samples) counter.inc(labels, value);
    } else {
      const gauge = new Gauge(options);
      for (const { labels, value } of samples) gauge.set(labels, value);
    }
  }
  return { contentType, text: await registry.metrics() };
};
