import { escapeXml, PLOT_STYLE } from "../../bench/svg.js";
import type { Point } from "./slope.js";

export interface TimelineSeries {
  readonly label: string;
  /** `at` in epoch milliseconds, ascending. */
  readonly points: readonly Point[];
  readonly isMain?: boolean;
}

export interface TimelinePanel {
  readonly title: string;
  readonly series: readonly TimelineSeries[];
  readonly bound?: { readonly value: number; readonly label: string };
}

/** A span with its number in the table of faults. */
export interface TimelineMark {
  readonly from: number;
  readonly to: number;
  readonly number: number;
}

export interface Timeline {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly panels: readonly TimelinePanel[];
  readonly marks: readonly TimelineMark[];
}

const WIDTH = 1_000;
const LEFT = 56;
const RIGHT = 16;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const TOP = 56;
const PANEL_HEIGHT = 110;
const PANEL_GAP = 40;
const MIN_MARK_WIDTH = 2;
const MARK_NUMBER_WIDTH = 14;
/** More points than pixels say nothing more. */
const MAX_POINTS = PLOT_WIDTH;
const STYLE = `
  .fault { fill: #bc4c00; fill-opacity: .13 } .number { font-size: 9px; fill: #bc4c00 }
  .line { fill: none; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) { .fault { fill: #f0883e; fill-opacity: .2 } .number { fill: #f0883e } }`;

/** Draws panels over one axis of time, with the faults as bands through all of them. */
export function timelineSvg({ title, from, to, panels, marks }: Timeline): string {
  const x = (at: number): number => LEFT + ((at - from) / (to - from)) * PLOT_WIDTH;
  const bottom = TOP + panels.length * (PANEL_HEIGHT + PANEL_GAP) - PANEL_GAP;
  const height = bottom + 40;
  const parts = [
    ...markParts(marks, x, bottom),
    ...panels.flatMap((panel, index) =>
      panelParts(panel, TOP + index * (PANEL_HEIGHT + PANEL_GAP), x),
    ),
    ...timeParts(from, to, x, bottom),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">
<style>${PLOT_STYLE}${STYLE}
</style>
<text class="title" x="12" y="18">${escapeXml(title)}</text>
${parts.join("\n")}
</svg>
`;
}

/** A band for each fault; its number above it, where there is space since the last one. */
function markParts(
  marks: readonly TimelineMark[],
  x: (at: number) => number,
  bottom: number,
): string[] {
  const rows = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return marks.flatMap(({ from, to, number }) => {
    const left = x(from);
    const width = Math.max(MIN_MARK_WIDTH, x(to) - left).toFixed(1);
    const band = `<rect class="fault" x="${left.toFixed(1)}" y="${TOP - 18}" width="${width}" height="${bottom - TOP + 18}"/>`;
    const row = rows.findIndex((end) => left >= end);
    if (row === -1) return [band];
    rows[row] = left + MARK_NUMBER_WIDTH;
    return [
      band,
      `<text class="number" x="${left.toFixed(1)}" y="${TOP - 20 - row * 10}">${number}</text>`,
    ];
  });
}

function panelParts(panel: TimelinePanel, top: number, x: (at: number) => number): string[] {
  const values = panel.series.flatMap(({ points }) => points.map(({ value }) => value));
  const maximum = Math.max(1e-9, panel.bound?.value ?? 0, ...values) * 1.08;
  const bottom = top + PANEL_HEIGHT;
  const y = (value: number): string => (bottom - (value / maximum) * PANEL_HEIGHT).toFixed(1);
  const labels = panel.series.map(({ label }) => label).filter((label) => label !== "");
  const legend = labels.length === 0 ? "" : `: ${labels.join(" (blue), ")} (gray)`;
  const parts = [
    `<text class="soft" x="${LEFT}" y="${top - 6}">${escapeXml(panel.title + legend)}</text>`,
    `<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${top}" y2="${bottom}"/>`,
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>`,
    ...[0, maximum / 2.16, maximum / 1.08].map((value) => {
      const label = value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1);
      return `<text class="soft" x="${LEFT - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${label}</text>`;
    }),
  ];
  if (panel.bound !== undefined) {
    const { value, label } = panel.bound;
    parts.push(
      `<line class="bound" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`,
      `<text class="boundText" x="${WIDTH - RIGHT}" y="${Number(y(value)) - 4}" text-anchor="end">${escapeXml(label)}</text>`,
    );
  }
  for (const { points, isMain } of panel.series.toReversed()) {
    const path = thinned(points)
      .map(({ at, value }) => `${x(at).toFixed(1)},${y(value)}`)
      .join(" ");
    parts.push(`<polyline class="line ${isMain === true ? "ours" : "theirs"}" points="${path}"/>`);
  }
  return parts;
}

/** The highest point of every group, so that no peak is lost. */
function thinned(points: readonly Point[]): readonly Point[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  if (size <= 1) return points;
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, index) =>
    points.slice(index * size, (index + 1) * size),
  );
  return groups.map((group) => group.reduce((a, b) => (b.value > a.value ? b : a)));
}

const STEPS_MINUTES = [0.5, 1, 2, 5, 10, 30, 60];
const MAX_TICKS = 12;

function timeParts(from: number, to: number, x: (at: number) => number, bottom: number): string[] {
  const minutes = (to - from) / 60_000;
  const step = STEPS_MINUTES.find((each) => minutes / each <= MAX_TICKS) ?? 120;
  const ticks = Array.from({ length: Math.floor(minutes / step) + 1 }, (_, index) => index * step);
  return ticks.map((tick) => {
    const at = x(from + tick * 60_000).toFixed(1);
    return `<text class="soft" x="${at}" y="${bottom + 18}" text-anchor="middle">${tick} min</text>`;
  });
}
