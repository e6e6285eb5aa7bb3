import { median, formatNumber } from "./samples.js";

export interface Series {
  readonly label: string;
  readonly samples: readonly number[];
  /** The product itself; the others are what it is held against. */
  readonly ours?: boolean;
}

/** Series in one unit, from zero on. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
  /** Where the bound lies, in the panel's unit. */
  readonly bound?: { readonly value: number; readonly label: string };
}

const WIDTH = 760;
const LABELS = 210;
const PLOT = 440;
const LINE = 26;
const HEAD = 44;
const FOOT = 18;

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px } .soft { fill: #59636e }
  .axis { stroke: #d1d9e0 } .bound { stroke: #bc4c00; stroke-dasharray: 4 3 } .boundText { fill: #bc4c00 }
  .theirs { fill: #818b98; stroke: #818b98 } .ours { fill: #0969da; stroke: #0969da } .bar { fill-opacity: .22; stroke: none }
  .dot { fill-opacity: .5; stroke: none } .median { stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .soft { fill: #9198a1 } .axis { stroke: #3d444d } .bound { stroke: #f0883e } .boundText { fill: #f0883e }
    .theirs { fill: #9198a1; stroke: #9198a1 } .ours { fill: #4493f8; stroke: #4493f8 }
  }`;

/** One picture: a panel below another; each series a bar to its median, with every sample as a dot. Legible on light and dark ground. */
export function svgPlot(title: string, panels: readonly Panel[]): string {
  let top = 30;
  const parts: string[] = [];
  for (const panel of panels) {
    parts.push(renderPanel(panel, top));
    top += HEAD + panel.series.length * LINE + FOOT;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="${escapeXml(title)}">
<style>${STYLE}
</style>
<text class="title" x="12" y="20">${escapeXml(title)}</text>
${parts.join("\n")}
</svg>
`;
}

function renderPanel(panel: Panel, top: number): string {
  const maximum = Math.max(
    ...panel.series.flatMap(({ samples }) => samples),
    panel.bound?.value ?? 0,
  );
  const x = (value: number): string =>
    (LABELS + (maximum === 0 ? 0 : (value / maximum) * PLOT)).toFixed(1);
  const first = top + HEAD;
  const last = first + panel.series.length * LINE;
  const lines = [
    `<text class="soft" x="12" y="${top + 20}">${escapeXml(panel.title)} (${escapeXml(panel.unit)})</text>`,
    `<line class="axis" x1="${LABELS}" x2="${LABELS}" y1="${first - 6}" y2="${last}"/>`,
  ];
  panel.series.forEach((series, index) =>
    lines.push(renderSeries(series, first + index * LINE, x)),
  );
  if (panel.bound !== undefined) {
    const at = x(panel.bound.value);
    const onTheRight = Number(at) > LABELS + PLOT / 2;
    lines.push(
      `<line class="bound" x1="${at}" x2="${at}" y1="${first - 6}" y2="${last}"/>`,
      `<text class="boundText" x="${at}" y="${first - 10}" text-anchor="${onTheRight ? "end" : "start"}">${escapeXml(panel.bound.label)}</text>`,
    );
  }
  return lines.join("\n");
}

function renderSeries(
  { label, samples, ours }: Series,
  top: number,
  x: (value: number) => string,
): string {
  const seriesClass = ours === true ? "ours" : "theirs";
  const center = top + LINE / 2;
  const value = median(samples);
  const dots = samples
    .map(
      (sample) => `<circle class="dot ${seriesClass}" cx="${x(sample)}" cy="${center}" r="2.5"/>`,
    )
    .join("");
  return [
    `<text x="${LABELS - 10}" y="${center + 4}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar ${seriesClass}" x="${LABELS}" y="${top + 5}" width="${(Number(x(value)) - LABELS).toFixed(1)}" height="${LINE - 10}"/>`,
    dots,
    `<line class="median ${seriesClass}" x1="${x(value)}" x2="${x(value)}" y1="${top + 3}" y2="${top + LINE - 3}"/>`,
    `<text x="${WIDTH - 12}" y="${center + 4}" text-anchor="end">${formatNumber(value)}</text>`,
  ].join("\n");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
