import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Bench, BenchResult, Panel, Row, Series } from "./bench.js";
import { median, formatNumber } from "./samples.js";
import { escapeXml, PLOT_STYLE } from "./svg.js";

const RESULTS = join("bench", "results");
const TABLE_HEADER = ["measure", "worker", "against", "figure", "wanted", "verdict"];

/** A result's rows as a table for a terminal. */
export function textTable(rows: readonly Row[]): string {
  const lines = [TABLE_HEADER, ...rows.map(cells)];
  const widths = TABLE_HEADER.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  text.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  return text.join("\n");
}

/** Writes `bench/results/<name>.md` and `.svg`. */
export async function writeResults(
  bench: Bench,
  result: BenchResult,
  machine: string,
): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  const markdown = [
    `# ${bench.title}`,
    bench.description,
    markdownTable(result.rows),
    ...(result.notes.length === 0 ? [] : [result.notes.map((note) => `- ${note}`).join("\n")]),
    `![${bench.title}](${bench.name}.svg)`,
    ...(result.appendix === undefined ? [] : [result.appendix]),
    `Made by \`npm run bench -- ${bench.name}\`, ${new Date().toISOString().slice(0, 10)}:\n\n\`\`\`\n${machine}\n\`\`\``,
  ].join("\n\n");
  await writeFile(join(RESULTS, `${bench.name}.md`), `${markdown}\n`);
  await writeFile(join(RESULTS, `${bench.name}.svg`), svgPlot(bench.title, result.panels));
}

function markdownTable(rows: readonly Row[]): string {
  const line = (content: readonly string[]): string =>
    `| ${content.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const separator = line(TABLE_HEADER.map(() => "---"));
  return [line(TABLE_HEADER), separator, ...rows.map((row) => line(cells(row)))].join("\n");
}

function cells(row: Row): string[] {
  const verdict = row.met === null ? "" : row.met ? "met" : "MISSED";
  return [row.measure, row.ours, row.against, row.figure, row.wanted ?? "", verdict];
}

const PACKAGES = ["vscode-jsonrpc", "axios", "winston", "chokidar", "zod", "esbuild"];

/** The hardware and software on which the results were measured. */
export function describeMachine(): string {
  const processor = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const [load = 0] = loadavg();
  return [
    `${type()} ${release()} ${arch()}, ${availableParallelism()} × ${processor}, ${memory}, load ${load.toFixed(1)} at the start`,
    `Node ${process.versions.node} (V8 ${process.versions.v8})`,
    PACKAGES.map((name) => `${name} ${installedVersion(name)}`).join(", "),
  ].join("\n");
}

function installedVersion(name: string): string {
  const text = readFileSync(`node_modules/${name}/package.json`, "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const WIDTH = 760;
const LABEL_WIDTH = 210;
const PLOT_WIDTH = 440;
const LINE_HEIGHT = 26;
const PANEL_HEADER = 44;
const PANEL_FOOTER = 18;

/** Plots each series as a bar up to its median, with a dot per sample, for light and dark pages. */
function svgPlot(title: string, panels: readonly Panel[]): string {
  let top = 30;
  const parts: string[] = [];
  for (const panel of panels) {
    parts.push(renderPanel(panel, top));
    top += PANEL_HEADER + panel.series.length * LINE_HEIGHT + PANEL_FOOTER;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="${escapeXml(title)}">
<style>${PLOT_STYLE}
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
    (LABEL_WIDTH + (maximum === 0 ? 0 : (value / maximum) * PLOT_WIDTH)).toFixed(1);
  const first = top + PANEL_HEADER;
  const last = first + panel.series.length * LINE_HEIGHT;
  const lines = [
    `<text class="soft" x="12" y="${top + 20}">${escapeXml(panel.title)} (${escapeXml(panel.unit)})</text>`,
    `<line class="axis" x1="${LABEL_WIDTH}" x2="${LABEL_WIDTH}" y1="${first - 6}" y2="${last}"/>`,
  ];
  panel.series.forEach((series, index) =>
    lines.push(renderSeries(series, first + index * LINE_HEIGHT, x)),
  );
  if (panel.bound !== undefined) {
    const at = x(panel.bound.value);
    const isRightHalf = Number(at) > LABEL_WIDTH + PLOT_WIDTH / 2;
    lines.push(
      `<line class="bound" x1="${at}" x2="${at}" y1="${first - 6}" y2="${last}"/>`,
      `<text class="boundText" x="${at}" y="${first - 10}" text-anchor="${isRightHalf ? "end" : "start"}">${escapeXml(panel.bound.label)}</text>`,
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
  const center = top + LINE_HEIGHT / 2;
  const value = median(samples);
  const dots = samples
    .map(
      (sample) => `<circle class="dot ${seriesClass}" cx="${x(sample)}" cy="${center}" r="2.5"/>`,
    )
    .join("");
  return [
    `<text x="${LABEL_WIDTH - 10}" y="${center + 4}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar ${seriesClass}" x="${LABEL_WIDTH}" y="${top + 5}" width="${(Number(x(value)) - LABEL_WIDTH).toFixed(1)}" height="${LINE_HEIGHT - 10}"/>`,
    dots,
    `<line class="median ${seriesClass}" x1="${x(value)}" x2="${x(value)}" y1="${top + 3}" y2="${top + LINE_HEIGHT - 3}"/>`,
    `<text x="${WIDTH - 12}" y="${center + 4}" text-anchor="end">${formatNumber(value)}</text>`,
  ].join("\n");
}
