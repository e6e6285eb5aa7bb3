import { parseArgs } from "node:util";
import { resolve } from "node:path";

import type { Bench, BenchContext } from "./bench.js";
import { dashboard } from "./dashboard.js";
import { decision } from "./decision.js";
import { flip } from "./flip.js";
import { freshness } from "./freshness.js";
import { describeMachine, textTable, writeResults } from "./report.js";
import { memory } from "./memory.js";
import { nodes } from "./nodes.js";
import { rpc } from "./rpc.js";
import { releaseRuntime, THIS_NODE, type BenchRuntime } from "./runtime.js";
import { snapshot } from "./snapshot.js";
import { start } from "./start.js";

const BENCHES: readonly Bench[] = [
  start,
  memory,
  flip,
  rpc,
  snapshot,
  dashboard,
  freshness,
  nodes,
  decision,
];
const USAGE = `Usage: npm run bench -- [name…] [options]
  names: ${BENCHES.map(({ name }) => name).join(" ")} (default: all)
  --worker <file>   another build of the worker (dist/worker.cjs)
  --runtime <name>  measure start and memory with this Node.js (this), with that of the release
                    (release), or with both (both, the default)
  --rounds <n>      rounds per bench, if more than its default
  --quick           a short look at a bench that takes many minutes; implies --dry
  --dry             do not write to bench/results`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      worker: { type: "string", default: "dist/worker.cjs" },
      runtime: { type: "string", default: "both" },
      rounds: { type: "string", default: "0" },
      quick: { type: "boolean", default: false },
      dry: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  const isUnknownRuntime = !["this", "release", "both"].includes(values.runtime);
  if (values.help || unknown.length > 0 || isUnknownRuntime) {
    console.error(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const worker = resolve(values.worker);
  const context: BenchContext = {
    worker,
    runtimes: await selectRuntimes(values.runtime, worker),
    rounds: (atLeast) => Math.max(atLeast, Number(values.rounds) || 0),
    quick: values.quick,
    log: (text) => void process.stderr.write(`  ${text}\n`),
  };
  const machineDescription = describeMachine();
  console.log(`${machineDescription}\n`);
  for (const bench of BENCHES) {
    if (positionals.length > 0 && !positionals.includes(bench.name)) continue;
    console.error(`${bench.name}: ${bench.title}`);
    try {
      const result = await bench.run(context);
      console.log(`${bench.name}: ${bench.title}\n\n${textTable(result.rows)}\n`);
      for (const note of result.notes) console.log(`- ${note}`);
      if (result.notes.length > 0) console.log();
      if (!values.dry && !values.quick) await writeResults(bench, result, machineDescription);
    } catch (error) {
      console.error(`${bench.name} failed:`, error);
      process.exitCode = 1;
    }
  }
}

/** Says so if there is none for the release here, since its figures would be missing. */
async function selectRuntimes(name: string, worker: string): Promise<BenchRuntime[]> {
  if (name === "this") return [THIS_NODE];
  const release = await releaseRuntime(worker);
  if (release === null)
    console.error("The release has no other Node.js for this system: this one is measured alone.");
  return [
    ...(name === "both" || release === null ? [THIS_NODE] : []),
    ...(release === null ? [] : [release]),
  ];
}

await main();
