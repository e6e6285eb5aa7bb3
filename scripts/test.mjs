// npm test: checks, builds, installs real parts where it can, runs every test and closes with "N passed, N failed".
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let passed = 0;
let failed = 0;

function step(title, command, args) {
  console.error(`\n== ${title}`);
  const began = Date.now();
  const { status } = spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" });
  console.error(`== ${title}: ${status === 0 ? "done" : "FAILED"} in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  if (status === 0) passed += 1;
  else failed += 1;
}

step("format, lint, types, import rules, unused code, generated files", "npm", ["run", "-s", "check"]);
step("bundle", "npm", ["run", "-s", "build"]);
spawnSync(process.execPath, ["scripts/install-real-parts.mjs"], { stdio: "inherit" });

const folder = mkdtempSync(join(tmpdir(), "ucx-test-"));
const report = join(folder, "report.json");
console.error("\n== tests");
const mocha = [
  "node_modules/mocha/bin/mocha.js",
  "build/test/**/*.test.js",
  "--reporter",
  "build/test/support/spec-and-json.js",
  "--reporter-option",
  `output=${report}`,
];
const { status } = spawnSync(process.execPath, [...mocha, ...process.argv.slice(2)], { stdio: "inherit" });
let skipped = 0;
try {
  const { stats } = JSON.parse(readFileSync(report, "utf8"));
  passed += stats.passes;
  failed += stats.failures;
  skipped = stats.pending;
} catch {
  failed += 1;
}
if (status !== 0 && failed === 0) failed = 1;
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
