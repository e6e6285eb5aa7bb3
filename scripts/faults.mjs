// npm run faults: runs the fault matrix (test/faults) against the built worker, prints the table
// with a result for each row, and ends with "N passed, N failed". With --record, the table is also
// written to docs/faults.md. Other arguments go to mocha: `npm run faults -- --grep proxy`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Trials mostly wait for intervals and deadlines. */
const JOBS = 6;
const COLUMNS = ["Fault", "How it is made", "What is shown", "How it heals", "Measured"];
const PAGE = new URL("../docs/faults.md", import.meta.url);
const MARKED = /(<!-- generated: faults -->\n)[^]*?(\n<!-- end of generated -->)/;

const isRecorded = process.argv.includes("--record");
const mochaArgs = process.argv.slice(2).filter((each) => each !== "--record");
if (isRecorded && mochaArgs.length > 0) {
  console.error("--record takes no other argument: the page would lose the rows that are not run.");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "ucx-faults-"));
const results = join(folder, "results.jsonl");
const output = join(folder, "counts.json");

const status = await runMocha();
const rows = existsSync(results)
  ? readFileSync(results, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];
const table = tableOf(rows);
console.log(`\n${table}`);
const { passed, failed, skipped } = existsSync(output)
  ? JSON.parse(readFileSync(output, "utf8"))
  : { passed: 0, failed: 1, skipped: 0 };
rmSync(folder, { recursive: true, force: true });
if (isRecorded && failed + skipped === 0 && status === 0) {
  const page = readFileSync(PAGE, "utf8");
  writeFileSync(
    PAGE,
    page.replace(MARKED, (_all, begin, end) => `${begin}\n${table}${end}`),
  );
} else if (isRecorded) {
  console.error("Not recorded: the page says what was seen to work, all of it.");
}
const leftOut = skipped > 0 ? `, ${skipped} skipped` : "";
console.log(`${passed} passed, ${failed} failed${leftOut}`);
process.exitCode = failed > 0 || status !== 0 ? 1 : 0;

function runMocha() {
  const reporter = "./scripts/mocha-report.mjs";
  const args = [
    ...["node_modules/mocha/bin/mocha.js", "build/test/faults/**/*.test.js"],
    ...["--parallel", "--jobs", String(JOBS)],
    ...["--reporter", reporter, "--reporter-option", `output=${output}`, "--require", reporter],
    ...mochaArgs,
  ];
  const env = { ...process.env, FAULT_RESULTS: results };
  const child = spawn(process.execPath, args, { stdio: "inherit", env });
  return new Promise((resolve) => child.once("close", resolve));
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
