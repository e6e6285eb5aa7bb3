import { expect } from "chai";

import { formatMetrics } from "../../../src/platform/prom-client-metrics.js";
import type { MetricFamily } from "../../../src/ports/metrics.js";

const FAMILIES: readonly MetricFamily[] = [
  {
    ...{ name: "ucx_requests_total", help: "Requests.", type: "counter", labelNames: ["org"] },
    samples: [
      { labels: { org: "a" }, value: 12 },
      { labels: { org: 'b"\\\n' }, value: 0 },
    ],
  },
  {
    ...{ name: "ucx_age_seconds", help: "Age.", type: "gauge", labelNames: [] },
    samples: [{ labels: {}, value: 2.5 }],
  },
  {
    ...{ name: "ucx_unknown", help: "Nothing known.", type: "gauge", labelNames: ["org"] },
    samples: [],
  },
];

describe("platform/prom-client-metrics", () => {
  it("writes OpenMetrics", async () => {
    const { contentType, text } = await formatMetrics(FAMILIES, "openMetrics");
    expect(contentType).to.equal("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(text.split("\n")).to.include.members([
      "# TYPE ucx_requests counter",
      'ucx_requests_total{org="a"} 12',
      String.raw`ucx_requests_total{org="b\"\\\n"} 0`,
      "# TYPE ucx_age_seconds gauge",
      "ucx_age_seconds 2.5",
      "# HELP ucx_age_seconds Age.",
    ]);
    expect(text.endsWith("# EOF\n")).to.equal(true);
  });

  it("writes Prometheus's own format", async () => {
    const { contentType, text } = await formatMetrics(FAMILIES, "prometheus");
    expect(contentType).to.match(/^text\/plain; version=0\.0\.4; charset=utf-8/);
    expect(text.split("\n")).to.include.members([
      "# TYPE ucx_requests_total counter",
      'ucx_requests_total{org="a"} 12',
      "ucx_age_seconds 2.5",
    ]);
    expect(text).not.to.include("# EOF");
  });

  it("writes no sample of an earlier call, and each call alone", async () => {
    const [requests] = FAMILIES as [MetricFamily];
    const [first, second] = await Promise.all([
      formatMetrics(FAMILIES, "openMetrics"),
      formatMetrics([{ ...requests, samples: [] }], "openMetrics"),
    ]);
    expect(first.text).to.include('ucx_requests_total{org="a"} 12');
    expect(second.text).not.to.match(/ucx_requests_total|ucx_age_seconds/);
  });
});
