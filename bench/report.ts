import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Bench, BenchResult, Row } from "./bench.js";
import { svgPlot } from "./svg-plot.js";

const RESULTS = join("bench", "results");
const HEAD = ["measure", "worker", "against", "figure", "wanted", "verdict"];

/** The findings as a table for a terminal. */
export function textTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) =>
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
  return [line(HEAD), line(HEAD.map(() => "---")), ...rows.map((row) => line(cells(row)))].join(
    "\n",
  );
}

function cells(row: Row): string[] {
  const verdict = row.met === null ? "" : row.met ? "met" : "MISSED";
  return [row.measure, row.ours, row.against, row.figure, row.wanted ?? "", verdict];
}
