// npm run test:nodes: runs the tests that need no Debian package in each supported release line of
// Node.js, one after another, prints what each counted, and ends with "N passed, N failed".
//   npm run test:nodes                  # every line
//   npm run test:nodes -- 22 24         # some of them
//   npm run test:nodes -- 24 --quick    # unit and contract tests, and launches: under a minute
// --quick alone leaves out the line that runs npm, which `npm test` has tested. --packages also
// runs the tests that need Debian packages, as far as these are installed. Arguments after a
// second -- go to mocha.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";

import { temporaryFolder } from "./at-end.mjs";
import { runThisNode, writeCodeCache } from "./code-cache.mjs";
import { NODE_TEST_VERSIONS, writeRuntime } from "./release/runtimes.mjs";

/** Files of tests that run at a time: few, so that none misses a deadline in a queue. */
const JOBS = "2";
const LIMIT_MS = 1_800_000;
const MOCHA = "node_modules/mocha/bin/mocha.js";
const REPORT = "./scripts/mocha-report.mjs";

const suites = {
  unit: ["build/test/unit/**/*.test.js"],
  others: ["build/test/{contract,integration,surface,e2e}/**/*.test.js"],
  quick: [
    "build/test/{unit,contract}/**/*.test.js",
    "build/test/e2e/launch.test.js",
    "build/test/e2e/pipes.test.js",
  ],
};

const USAGE = "Usage: npm run test:nodes -- [20 22 24 26] [--quick] [--packages] [--jobs N]";

const { values, positionals, tokens } = readArguments();
const terminator = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? Infinity;
const isLine = ({ kind, index }) => kind === "positional" && index < terminator;
const named = tokens.filter(isLine).map(({ value }) => value);
const mochaArgs = positionals.slice(named.length);
const supported = Object.keys(NODE_TEST_VERSIONS);
const unknown = named.filter((line) => !supported.includes(line));
if (unknown.length > 0) {
  console.error(
    `There is no Node.js ${unknown.join(", ")} here: there are ${supported.join(", ")}.\n${USAGE}`,
  );
  process.exit(2);
}
if (process.platform !== "linux" || process.arch !== "x64") {
  console.error("LEFT OUT: these versions of Node.js are pinned for Linux on x64 alone.");
  console.log(process.env.CI === "true" ? "0 passed, 1 failed" : "0 passed, 0 failed, 1 skipped");
  process.exit(process.env.CI === "true" ? 1 : 0);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      tokens: true,
      options: {
        quick: { type: "boolean", default: false },
        packages: { type: "boolean", default: false },
        jobs: { type: "string", default: JOBS },
      },
    });
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return process.exit(2);
  }
}

const { folder } = temporaryFolder("ucx-nodes-");
// Some tests run the worker in another account.
chmodSync(folder, 0o755);
const running = process.versions.node.split(".")[0];
const lines =
  named.length > 0 ? named : supported.filter((each) => !values.quick || each !== running);
const totals = { passed: 0, failed: 0, skipped: 0 };
const summary = [];
for (const line of lines) {
  const { version } = NODE_TEST_VERSIONS[line];
  const startedAt = Date.now();
  const counts = await testLine(line);
  for (const name of Object.keys(totals)) totals[name] += counts[name];
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  summary.push(`Node ${version}: ${describe(counts)} (${seconds} s)`);
  console.error(`\n== ${summary.at(-1)}`);
}
console.log(`\n${summary.join("\n")}`);
console.log(describe(totals));
process.exitCode = totals.failed > 0 ? 1 : 0;

/** Runs the tests in a release line, with the code cache that a build by it would have made. */
async function testLine(line) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const bin = join(folder, line);
  const node = join(bin, "node");
  try {
    await writeRuntime(NODE_TEST_VERSIONS[line], node);
    await writeCodeCache("dist", (args) => runThisNode(args, node));
  } catch (error) {
    console.error(`FAILED: Node.js ${line}: ${error.message}`);
    return { ...counts, failed: 1 };
  }
  for (const suite of values.quick ? ["quick"] : ["unit", "others"]) {
    console.error(`\n== Node ${NODE_TEST_VERSIONS[line].version}: ${suites[suite].join(" ")}`);
    const counted = await runMocha(bin, suites[suite]);
    for (const name of Object.keys(counts)) counts[name] += counted[name];
  }
  return counts;
}

/** Counts one more failure if mocha fails for another reason than a test, or misses a file. */
async function runMocha(bin, specs) {
  const output = join(folder, "counts.json");
  rmSync(output, { force: true });
  const args = [
    ...[MOCHA, ...specs, "--parallel", "--jobs", values.jobs],
    ...["--reporter", REPORT, "--reporter-option", `output=${output}`, "--require", REPORT],
    ...mochaArgs,
  ];
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  if (!values.packages) env.TEST_WITHOUT_PACKAGES = "true";
  const child = spawn(join(bin, "node"), args, { stdio: "inherit", env, timeout: LIMIT_MS });
  const status = await new Promise((resolve) => child.once("close", resolve));
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = JSON.parse(readFileSync(output, "utf8"));
  } catch {
    // mocha has said why it ended.
  }
  const isEmpty = counts.passed + counts.failed + counts.skipped === 0 && mochaArgs.length === 0;
  // mocha only warns of a file that is not there, such as a renamed one.
  const missing = specs.filter((spec) => !spec.includes("*") && !existsSync(spec));
  if (missing.length > 0) console.error(`FAILED: there is no ${missing.join(", ")}.`);
  if (counts.failed === 0 && (status !== 0 || isEmpty || missing.length > 0)) counts.failed = 1;
  return counts;
}

function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
