import { parseArgs } from "node:util";
import { resolve } from "node:path";

import type { Bench, BenchContext } from "./bench.js";
import { flip } from "./flip.js";
import { freshness } from "./freshness.js";
import { describeMachine, textTable, writeResults } from "./report.js";
import { memory } from "./memory.js";
import { nodes } from "./nodes.js";
import { rpc } from "./rpc.js";
import { snapshot } from "./snapshot.js";
import { start } from "./start.js";

const BENCHES: readonly Bench[] = [start, memory, flip, rpc, snapshot, freshness, nodes];
const USAGE = `Usage: npm run bench -- [name…] [options]
  names: ${BENCHES.map(({ name }) => name).join(" ")} (default: all)
  --worker <file>   another build of the worker (dist/worker.cjs)
  --rounds <n>      rounds per bench, if more than its default
  --dry             do not write to bench/results`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      worker: { type: "string", default: "dist/worker.cjs" },
      rounds: { type: "string", default: "0" },
      dry: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (values.help || unknown.length > 0) {
    console.error(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const context: BenchContext = {
    worker: resolve(values.worker),
    rounds: (atLeast) => Math.max(atLeast, Number(values.rounds) || 0),
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
      if (!values.dry) await writeResults(bench, result, machineDescription);
    } catch (error) {
      console.error(`${bench.name} failed:`, error);
      process.exitCode = 1;
    }
  }
}

await main();
