import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

import type { Bench, BenchContext, BenchResult } from "./bench.js";
import { simulateRoundRobin } from "./freshness/baselines.js";
import { FLAT, type GridPoint, lowerBoundSeconds, Scenario, WEBEX } from "./freshness/scenario.js";
import type { Result } from "./freshness/result.js";
import { summarize } from "./freshness/summary.js";
import { measureWorker } from "./freshness/worker-measurement.js";

const GRID: readonly GridPoint[] = [1_000, 10_000, 50_000, 100_000].flatMap((persons) =>
  [100, 1_000].flatMap((pageSize) =>
    [10, 100, 1_000].flatMap((watched) =>
      [30, 60, 300].map((limit) => ({ persons, pageSize, watched, limit })),
    ),
  ),
);

export const freshness: Bench = {
  name: "freshness",
  title: "Freshness: the age of the presence that operators see",
  description: `The worker's poller, planner and request budget on a simulated clock, against a model of Webex that hides its limit and takes 0.2 s for a response and 1.8 ms for each person in it (2 s for a page of 1,000); presence changes as in the simulator. All ${GRID.length} points of persons × page size × watched × limit, each after a warm-up, for at least 30 simulated minutes; everybody watched is watched from the start. PollIntervalSeconds is 5 and StaleAfterSeconds 180 for all. Ages are those of watched persons, from the moment at which Webex read their presence; without an answer, from the start.`,
  run,
};

async function run({ log }: BenchContext): Promise<BenchResult> {
  const results: Result[] = [];
  for (const point of GRID) {
    const scenario = new Scenario(point, WEBEX);
    const flat = new Scenario(point, FLAT);
    results.push({
      point,
      bound: lowerBoundSeconds(point),
      worker: await measureWorker(scenario),
      sweeps: simulateRoundRobin(scenario, "pages"),
      lookups: simulateRoundRobin(scenario, "persons"),
      sweepsIgnoringRetryAfter: simulateRoundRobin(scenario, "pages", false),
      withoutOldLinks: await measureWorker(scenario, { honorsOldLinks: false }),
      withLimitSet: await measureWorker(scenario, { requestsPerMinute: point.limit }),
      flatWorker: await measureWorker(flat),
      flatSweeps: simulateRoundRobin(flat, "pages"),
      flatLookups: simulateRoundRobin(flat, "persons"),
    });
    if (results.length % 9 === 0) log(`${results.length} of ${GRID.length} points`);
  }
  return summarize(results);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { describeMachine, textTable, writeResults } = await import("./report.js");
  const result = await run({
    worker: "",
    runtimes: [],
    rounds: (atLeast) => atLeast,
    quick: false,
    log: (text) => void process.stderr.write(`  ${text}\n`),
  });
  console.log(`${describeMachine()}\n\n${textTable(result.rows)}`);
  if (!process.argv.includes("--dry")) await writeResults(freshness, result, describeMachine());
}
