// npm test: compiles, bundles, checks, installs the programs that tests need, runs every test, and
// ends with the line "N passed, N failed". Everything that has to wait for nothing begins at once.
// Each of these flags adds a suite: --clients (test/clients), --kit (test/kit), --faults
// (test/faults), --soak and --fuzz (test/soak, test/fuzz), --nodes (other versions of Node.js),
// --release (test/release, on the archives that it makes) and --windows (Windows' own Node.js).
// With --only-clients etc. it runs only that suite. Other arguments go to mocha.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hasWindows, openWindows, WINDOWS_RUNS } from "./windows.mjs";

/** Files of tests that run at a time. They mostly wait for processes, intervals and deadlines. */
const JOBS = 6;
/** Trials of faults wait even more. The longest ones come first: none is alone at the end. */
const FAULT_OPTIONS = ["--parallel", "--jobs", "12"];
const FAULT_SPECS = [
  "build/test/faults/{webex,grant}-*.test.js",
  "build/test/faults/!(webex-*|grant-*).test.js",
];
/**
 * A test that needs more than this share of its timeout on two quiet cores will fail on a busy
 * machine one day.
 */
const TIMEOUT_SHARE = 0.2;
const SLOWEST_SHOWN = 5;
const REPORT = "./scripts/mocha-report.mjs";
const SUITES = ["clients", "kit", "faults", "soak", "fuzz", "nodes", "release", "windows"];
/** How long the soak of the gate lasts, in minutes, and how many streams its fuzz test mutates. */
const SOAK_MINUTES = 3;
const FUZZ_STREAMS = 10_000;
/** The version that the release for Linux has; `npm run test:nodes` runs all of them. */
const RELEASED_NODE = "24";
const FLAGS = SUITES.flatMap((suite) => [`--${suite}`, `--only-${suite}`]);

const cliArgs = process.argv.slice(2);
const onlySuite = SUITES.find((suite) => cliArgs.includes(`--only-${suite}`));
const hasSuite = (suite) => onlySuite === suite || cliArgs.includes(`--${suite}`);
const mochaArgs = cliArgs.filter((each) => !FLAGS.includes(each));

const counts = { passed: 0, failed: 0, skipped: 0 };
const folder = mkdtempSync(join(tmpdir(), "ucx-test-"));
const timings = join(folder, "timings");
mkdirSync(timings);
const startedAt = Date.now();

/**
 * Runs a command beside the others, prints its output when it has ended, and counts as one test.
 */
async function step(title, command, args) {
  const status = await run(title, command, args);
  counts[status === 0 ? "passed" : "failed"] += 1;
}

/** Runs a program that ends with the line "N passed, N failed", and adds that up. */
async function countedStep(title, args) {
  const { status, output } = await runWithOutput(title, process.execPath, args);
  const lines = output.trim().split("\n");
  const count = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(lines.at(-1) ?? "");
  counts.passed += Number(count?.[1] ?? 0);
  counts.failed += Math.max(Number(count?.[2] ?? 0), status === 0 ? 0 : 1);
  counts.skipped += Number(count?.[3] ?? 0);
}

async function run(title, command, args) {
  return (await runWithOutput(title, command, args)).status;
}

async function runWithOutput(title, command, args) {
  const startedAt = Date.now();
  const shell = process.platform === "win32";
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], shell });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => output.push(chunk));
  }
  const status = await new Promise((resolve) => child.once("close", resolve));
  const outcome = status === 0 ? "done" : "FAILED";
  const text = Buffer.concat(output).toString();
  console.error(
    `\n== ${title}\n${text}== ${title}: ${outcome} in ${seconds(Date.now() - startedAt)} s`,
  );
  return { status, output: text };
}

/**
 * Runs mocha and adds up what it counted. `start` starts it with arguments and environment
 * variables, and resolves to its exit status.
 */
async function tests(title, specs, options, start = startMocha) {
  console.error(`\n== ${title}`);
  const startedAt = Date.now();
  const output = join(folder, "counts.json");
  rmSync(output, { force: true });
  const args = [
    ...specs,
    ...["--reporter", REPORT, "--reporter-option", `output=${output}`, "--require", REPORT],
    ...options,
    ...mochaArgs,
  ];
  const status = await start(args, { TEST_TIMINGS: timings });
  const failedBefore = counts.failed;
  try {
    const counted = JSON.parse(readFileSync(output, "utf8"));
    for (const name of Object.keys(counts)) counts[name] += counted[name];
    const isEmpty = Object.values(counted).every((count) => count === 0);
    // The caller's arguments may select no test of this run.
    if (isEmpty && mochaArgs.length === 0) {
      console.error("FAILED: there are no tests.");
      counts.failed += 1;
    }
  } catch {
    counts.failed += 1;
  }
  if (status !== 0 && counts.failed === failedBefore) counts.failed += 1;
  console.error(`== ${title}: ${seconds(Date.now() - startedAt)} s`);
}

function startMocha(args, env) {
  const options = { stdio: "inherit", env: { ...process.env, ...env } };
  const child = spawn(process.execPath, ["node_modules/mocha/bin/mocha.js", ...args], options);
  return new Promise((resolve) => child.once("close", resolve));
}

/** Runs the Windows suite, or says why it cannot run. */
async function windowsTests() {
  if (!hasWindows()) {
    const reason = "The Windows suite needs Wine (Debian package: wine64), which is not installed.";
    console.error(`\n== Windows tests\nSKIPPED: ${reason}`);
    counts[process.env.CI === "true" ? "failed" : "skipped"] += 1;
    return;
  }
  let machine;
  try {
    machine = await windows;
  } catch (error) {
    console.error(`\n== Windows tests\nFAILED: ${error.message}`);
    counts.failed += 1;
    return;
  }
  try {
    for (const { title, specs, options } of WINDOWS_RUNS) {
      await tests(title, specs, options, machine.runMocha);
    }
    const retries = machine.spawnRetries();
    if (retries > 0)
      console.error(`\n== Processes that Wine started at the second try: ${retries}`);
  } finally {
    machine.close();
  }
}

function seconds(milliseconds) {
  return (milliseconds / 1000).toFixed(1);
}

/** Prints the slowest tests and those that come too close to their timeout. */
function printTimings() {
  const rows = readdirSync(timings)
    .flatMap((name) => readFileSync(join(timings, name), "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line));
  if (rows.length === 0) return;
  const describe = ({ file, title, duration, timeout }) =>
    `  ${seconds(duration).padStart(6)} s of ${seconds(timeout)} s  ${file}: ${title}`;
  const slowest = rows.toSorted((a, b) => b.duration - a.duration).slice(0, SLOWEST_SHOWN);
  console.error(`\n== The slowest tests\n${slowest.map(describe).join("\n")}`);
  const close = rows
    .filter(({ duration, timeout }) => duration > timeout * TIMEOUT_SHARE)
    .toSorted((a, b) => b.duration / b.timeout - a.duration / a.timeout);
  if (close.length === 0) return;
  const share = `more than ${TIMEOUT_SHARE * 100} % of their timeout`;
  console.error(`== Tests that took ${share}\n${close.map(describe).join("\n")}`);
}

const programs = run("programs for tests", process.execPath, [
  "scripts/install-real-parts.mjs",
  ...(onlySuite === undefined || ["release", "faults", "soak", "kit"].includes(onlySuite)
    ? ["--tests"]
    : []),
  ...(hasSuite("clients") ? ["--clients"] : []),
  ...(hasSuite("kit") ? ["--kit"] : []),
  ...(hasSuite("windows") ? ["--windows"] : []),
]);
// Takes ten seconds of waiting, for downloads and for Wine.
const windows = hasSuite("windows")
  ? programs.then(() => (hasWindows() ? openWindows() : undefined))
  : Promise.resolve();
windows.catch(() => "is reported by windowsTests");
const bundle = step("bundle", "npm", ["run", "-s", "build"]);
await step("types", "npm", ["run", "-s", "compile"]);
if (onlySuite === undefined) {
  const checks = step("checks", "npm", ["run", "-s", "check"]);
  await tests("unit tests", ["build/test/unit/**/*.test.js"], []);
  // Deadlines of a second are among what these tests measure, so nothing else runs beside them.
  await Promise.all([bundle, checks, programs]);
  await windows.catch(() => undefined);
  await tests(
    "contract, integration, end-to-end and surface tests",
    ["build/test/{contract,integration,surface,e2e}/**/*.test.js"],
    ["--parallel", "--jobs", String(JOBS)],
  );
}
await Promise.all([bundle, programs]);
// The Windows suite unpacks the archive for Windows.
const target = hasSuite("release") ? [] : ["--target", "win-x64"];
const release =
  (hasSuite("release") || hasSuite("windows")) &&
  step("release", process.execPath, ["scripts/release/main.mjs", ...target]);
// Trials of faults mostly wait, so that there is time for the soak.
await Promise.all([
  hasSuite("faults") && tests("faults", FAULT_SPECS, FAULT_OPTIONS),
  hasSuite("soak") &&
    countedStep("soak", ["build/test/soak/main.js", "--minutes", String(SOAK_MINUTES)]),
]);
await Promise.all([
  hasSuite("clients") &&
    tests("clients of other projects", ["build/test/clients/**/*.test.js"], []),
  hasSuite("fuzz") &&
    countedStep("fuzz", ["build/test/fuzz/main.js", "--streams", String(FUZZ_STREAMS)]),
  release,
]);
if (hasSuite("kit")) await tests("integrator's kit", ["build/test/kit/**/*.test.js"], []);
if (hasSuite("nodes")) {
  const args = ["scripts/test-nodes.mjs", RELEASED_NODE, "--quick"];
  await countedStep(`Node.js ${RELEASED_NODE}`, args);
}
if (hasSuite("release")) await tests("release tests", ["build/test/release/**/*.test.js"], []);
if (hasSuite("windows")) await windowsTests();

printTimings();
rmSync(folder, { recursive: true, force: true });
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
console.error(`\n== Everything: ${seconds(Date.now() - startedAt)} s`);
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;
