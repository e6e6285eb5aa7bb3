// npm test: checks, builds, installs real parts where it can, runs every test and closes with "N passed, N failed".
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let passed = 0;
let failed = 0;
let skipped = 0;

function count(title, status, began) {
  console.error(
    `== ${title}: ${status === 0 ? "done" : "FAILED"} in ${((Date.now() - began) / 1000).toFixed(1)} s`,
  );
  if (status === 0) passed += 1;
  else failed += 1;
}

function step(title, command, args) {
  console.error(`\n== ${title}`);
  const began = Date.now();
  const { status } = spawnSync(command, args, {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  count(title, status, began);
}

/** Runs beside what comes next; its output is shown when it has ended. */
function inBackground(title, command, args) {
  const began = Date.now();
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => output.push(chunk));
  return new Promise((resolve) => {
    child.on("close", (status) => {
      console.error(`\n== ${title}\n${Buffer.concat(output).toString()}`);
      count(title, status, began);
      resolve();
    });
  });
}

step("types", "npm", ["run", "-s", "compile"]);
step("bundle", "npm", ["run", "-s", "build"]);
spawnSync(process.execPath, ["scripts/install-real-parts.mjs"], { stdio: "inherit" });
const checks = inBackground(
  "format, lint, types, import rules, unused code, generated files",
  "npm",
  ["run", "-s", "check"],
);

const folder = mkdtempSync(join(tmpdir(), "ucx-test-"));
async function tests(title, specs, options) {
  console.error(`\n== ${title}`);
  const report = join(folder, "report.json");
  const reporter = [
    "--reporter",
    "build/test/support/spec-json-reporter.js",
    "--reporter-option",
    `output=${report}`,
  ];
  const args = [
    "node_modules/mocha/bin/mocha.js",
    ...specs,
    ...reporter,
    ...options,
    ...process.argv.slice(2),
  ];
  const status = await new Promise((resolve) =>
    spawn(process.execPath, args, { stdio: "inherit" }).on("close", resolve),
  );
  const failedBefore = failed;
  try {
    const { stats } = JSON.parse(readFileSync(report, "utf8"));
    passed += stats.passes;
    failed += stats.failures;
    skipped += stats.pending;
  } catch {
    failed += 1;
  }
  if (status !== 0 && failed === failedBefore) failed += 1;
  rmSync(report, { force: true });
}

await tests("unit tests", ["build/test/unit/**/*.test.js"], []);
await checks;
// These mostly wait for processes, intervals and deadlines: several files at a time.
await tests(
  "tests against real parts",
  ["build/test/{contract,integration,surface,e2e}/**/*.test.js"],
  ["--parallel", "--jobs", "4"],
);

rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
