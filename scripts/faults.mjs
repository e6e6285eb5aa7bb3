// npm run faults: runs the fault matrix (test/faults) against the built worker, prints the table
// with a result for each row, and ends with "N passed, N failed".
//   npm run faults                      # all rows, in about five minutes
//   npm run faults -- --grep proxy      # rows whose part or fault contains "proxy"
//   npm run faults -- --list            # the names of the rows; runs none
//   npm run faults -- --record          # all rows; writes the table to docs/faults.md if all pass
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { temporaryFolder } from "./at-end.mjs";

/** Trials mostly wait for intervals and deadlines. */
const JOBS = 12;
const PROGRESS_MS = process.stderr.isTTY ? 1_000 : 15_000;
const USAGE = "Usage: npm run faults -- [--grep TEXT] [--list | --record]";
const COLUMNS = ["Fault", "How it is made", "What is shown", "How it heals", "Measured"];
const PAGE = new URL("../docs/faults.md", import.meta.url);
const MARKED = /(<!-- generated: faults -->\n)[^]*?(\n<!-- end of generated -->)/;
const MOCHA = ["node_modules/mocha/bin/mocha.js", "build/test/faults/**/*.test.js"];

const { grep, list, record } = readOptions();
const selection = grep === undefined ? [] : ["--fgrep", grep];
const names = rowNames();
if (names.length === 0) fail(`No row contains "${grep}". --list names the rows.`);
if (list) {
  console.log(names.join("\n"));
  process.exit();
}

const { folder } = temporaryFolder("ucx-faults-");
const results = join(folder, "results.jsonl");
const output = join(folder, "counts.json");
const startedAt = Date.now();
const child = startMocha();
const progress = setInterval(printProgress, PROGRESS_MS);
// Before the listener that removes the folder and ends this process.
process.prependOnceListener("SIGINT", () => {
  child.kill("SIGINT");
  console.error(`Interrupted: ${readRows().length} of ${names.length} rows have run.`);
  printResult();
});
const status = await new Promise((resolve) => child.once("close", resolve));
clearInterval(progress);
const { failed, skipped, table } = printResult();
if (record && failed + skipped === 0 && status === 0) {
  const page = readFileSync(PAGE, "utf8");
  writeFileSync(
    PAGE,
    page.replace(MARKED, (_all, begin, end) => `${begin}\n${table}${end}`),
  );
} else if (record) {
  console.error("Not recorded: the page says what was seen to work, all of it.");
}
process.exitCode = failed > 0 || status !== 0 ? 1 : 0;

/** Prints the rows that have run. The last line counts them. */
function printResult() {
  const rows = readRows();
  const table = tableOf(rows);
  const { passed, failed, skipped } = countsOf(rows);
  console.log(`\n${table}`);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return { failed, skipped, table };
}

function readOptions() {
  const boolean = { type: "boolean", default: false };
  try {
    const { values } = parseArgs({
      options: { grep: { type: "string" }, list: boolean, record: boolean },
    });
    if (values.record && (values.list || values.grep !== undefined))
      fail("--record takes no other option: the page would lose the rows that are not run.");
    return values;
  } catch (error) {
    return fail(error.message);
  }
}

function fail(sentence) {
  console.error(`${sentence}\n${USAGE}`);
  process.exit(2);
}

function rowNames() {
  const args = [...MOCHA, ...selection, "--dry-run", "--reporter", "json"];
  const report = execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 24 });
  return JSON.parse(report).tests.map(({ fullTitle }) => fullTitle.replace(/^faults: /, ""));
}

function startMocha() {
  const reporter = "./scripts/mocha-report.mjs";
  const args = [
    ...[...MOCHA, ...selection, "--parallel", "--jobs", String(JOBS)],
    ...["--reporter", reporter, "--reporter-option", `output=${output}`, "--require", reporter],
  ];
  const env = { ...process.env, FAULT_RESULTS: results };
  return spawn(process.execPath, args, { stdio: "inherit", env });
}

function readRows() {
  if (!existsSync(results)) return [];
  const lines = readFileSync(results, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** A row that has not run because a hook or mocha itself failed shows in mocha's own counts. */
function countsOf(rows) {
  if (existsSync(output)) return JSON.parse(readFileSync(output, "utf8"));
  const skipped = rows.filter(({ measured }) => measured.startsWith("left out")).length;
  const failed = rows.filter(({ measured }) => measured === "FAILED").length;
  return { passed: rows.length - skipped - failed, failed, skipped };
}

/** mocha shows a file of tests only when all of it has run. */
function printProgress() {
  const rows = readRows();
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  const failed = rows.filter(({ measured }) => measured === "FAILED").length;
  const text = `${rows.length} of ${names.length} rows after ${seconds} s, ${failed} failed`;
  process.stderr.write(process.stderr.isTTY ? `\r${text}\u001b[K\r` : `${text}\n`);
}

/** A table for each part, as Markdown. */
function tableOf(rows) {
  const parts = [...new Set(rows.map(({ part }) => part))].toSorted();
  return parts
    .map((part) => {
      const lines = rows
        .filter((row) => row.part === part)
        .map(({ fault, made, shown, heals, measured }) =>
          line([fault, made, shown, heals, measured]),
        );
      return `### ${part}\n\n${line(COLUMNS)}${line(COLUMNS.map(() => "---"))}${lines.join("")}`;
    })
    .join("\n");
}

function line(cells) {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}
