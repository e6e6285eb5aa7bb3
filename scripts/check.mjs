// npm run check: format, types (also of the pure folders), lint, import rules, unused code,
// vocabulary, and that the generated files are current. Runs two steps at a time and all of them;
// exits with 1 if any fails.
import { spawn } from "node:child_process";

const JOBS = 2;

/** The longest step comes first. */
const steps = [
  ["lint", "npm run -s lint"],
  ["format", "prettier --check --log-level warn ."],
  ["types", "tsc -p tsconfig.json"],
  ["pure types", "tsc -p tsconfig.pure.json"],
  ["types of the dashboard's page", "tsc -p tsconfig.page.json"],
  ["vocabulary", "node scripts/check-vocabulary.mjs"],
  ["import rules", "depcruise src simulator --config .dependency-cruiser.cjs --output-type err"],
  ["unused code", "knip"],
  ["plugin.manifest.json", "node scripts/generate-manifest.mjs --check"],
  ["openrpc.json", "node scripts/generate-openrpc.mjs --check"],
  ["types of the client", "node scripts/generate-client.mjs --check"],
  ["generated parts of README and docs", "node scripts/generate-docs.mjs --check"],
  ["THIRD-PARTY-NOTICES", "node scripts/generate-notices.mjs --check"],
];

/** Runs a step and prints its output when it has ended, so that two steps do not mix theirs. */
async function run([name, command]) {
  const startedAt = Date.now();
  const line = /^(node|npm) /.test(command) ? command : `npx --no-install ${command}`;
  const child = spawn(line, { stdio: ["ignore", "pipe", "pipe"], shell: true });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => output.push(chunk));
  }
  const status = await new Promise((resolve) => child.once("close", resolve));
  process.stderr.write(Buffer.concat(output));
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.error(`${status === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (status !== 0) process.exitCode = 1;
}

async function work() {
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) await run(step);
}

await Promise.all(Array.from({ length: JOBS }, work));
