import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

import { boundedRow, infoRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import { lowerBoundSeconds, pageCount, Scenario, type GridPoint } from "./freshness/scenario.js";
import { measureWorker } from "./freshness/worker-measurement.js";
import {
  simulateLookups,
  simulateSweeps,
  simulateSweepsIgnoringRetryAfter,
} from "./freshness/baselines.js";
import type { Outcome } from "./freshness/service-model.js";
import { formatNumber } from "./samples.js";

interface Result {
  readonly point: GridPoint;
  readonly bound: number;
  readonly ours: Outcome;
  readonly sweeps: Outcome;
  readonly lookups: Outcome;
  readonly ignoringRetryAfter: Outcome;
  /** The worker where Webex takes no old link; and where the setting is the limit itself. */
  readonly withoutOldLinks: Outcome;
  readonly withLimitSet: Outcome;
}

const GRID: readonly GridPoint[] = [1_000, 10_000, 50_000, 100_000].flatMap((persons) =>
  [100, 1_000].flatMap((pageSize) =>
    [10, 100, 1_000].flatMap((watched) =>
      [30, 60, 300].map((limit) => ({ persons, pageSize, watched, limit })),
    ),
  ),
);
/** The setting at its highest, so that the limit has to be found out. */
const MAX_REQUESTS_PER_MINUTE = 600;

export const freshness: Bench = {
  name: "freshness",
  title: "Freshness: how old is what the operators see",
  description: `The worker's own poller, planner and request budget on a simulated clock, against a model of Webex that hides its limit and answers in 100 ms; presence changes as in the simulator. All ${GRID.length} points of persons × page size × watched × limit, each after a warm-up, for at least 30 simulated minutes. PollIntervalSeconds is 5 for all. Ages are those of watched persons, from the moment that Webex told.`,
  run,
};

async function run({ log }: BenchContext): Promise<BenchResult> {
  const results: Result[] = [];
  for (const point of GRID) {
    const scene = new Scenario(point);
    results.push({
      point,
      bound: lowerBoundSeconds(point),
      ours: await measureWorker(scene, {
        requestsPerMinute: MAX_REQUESTS_PER_MINUTE,
        honorsOldLinks: true,
      }),
      sweeps: simulateSweeps(scene),
      lookups: simulateLookups(scene),
      ignoringRetryAfter: simulateSweepsIgnoringRetryAfter(scene),
      withoutOldLinks: await measureWorker(scene, {
        requestsPerMinute: MAX_REQUESTS_PER_MINUTE,
        honorsOldLinks: false,
      }),
      withLimitSet: await measureWorker(scene, {
        requestsPerMinute: point.limit,
        honorsOldLinks: true,
      }),
    });
    if (results.length % 9 === 0) log(`${results.length} of ${GRID.length} points`);
  }
  return findings(results);
}

function findings(results: readonly Result[]): BenchResult {
  const age = (select: (result: Result) => Outcome): readonly number[] =>
    results.map((result) => select(result).meanAge);
  const bestBaseline = results.map(({ sweeps, lookups }) =>
    Math.min(sweeps.meanAge, lookups.meanAge),
  );
  const worst = Math.max(...results.map(({ ours }, at) => ours.meanAge / (bestBaseline[at] ?? 0)));
  const ratioToSweeps = geometricMean(results.map((r) => r.sweeps.meanAge / r.ours.meanAge));
  const ratioToLookups = geometricMean(results.map((r) => r.lookups.meanAge / r.ours.meanAge));
  const ratioToBound = geometricMean(results.map((r) => r.ours.meanAge / r.bound));
  const rejectedShare = Math.max(...results.map(({ ours }) => ours.rejectedShare));
  const seconds = (values: readonly number[]): string => `${formatNumber(geometricMean(values))} s`;
  const ours = seconds(age((r) => r.ours));
  const rejectedTotal = sum(results.map(({ ours: { rejected: refused } }) => refused));
  const requestTotal = sum(
    results.map(({ ours: { rejected: refused, rejectedShare: share } }) =>
      share === 0 ? 0 : refused / share,
    ),
  );
  const withoutOldLinksRatios = results.map(
    (r, at) => r.withoutOldLinks.meanAge / (bestBaseline[at] ?? 0),
  );
  return {
    rows: [
      boundedRow(
        {
          measure: "age against the better rival, worst point",
          ours: "",
          against: "",
          figure: `${worst.toFixed(2)} ×`,
        },
        "at most 1.1 ×",
        worst <= 1.1,
      ),
      boundedRow(
        {
          measure: "fresher than sweeps alone",
          ours,
          against: `sweeps ${seconds(age((r) => r.sweeps))}`,
          figure: `${ratioToSweeps.toFixed(2)} ×`,
        },
        "at least 1.8 ×",
        ratioToSweeps >= 1.8,
      ),
      boundedRow(
        {
          measure: "fresher than lookups alone",
          ours,
          against: `lookups ${seconds(age((r) => r.lookups))}`,
          figure: `${ratioToLookups.toFixed(2)} ×`,
        },
        "at least 1.8 ×",
        ratioToLookups >= 1.8,
      ),
      boundedRow(
        {
          measure: "age against the bound",
          ours,
          against: `bound ${seconds(results.map(({ bound }) => bound))}`,
          figure: `${ratioToBound.toFixed(2)} ×`,
        },
        "within 1.25 ×",
        ratioToBound <= 1.25,
      ),
      infoRow({
        measure: "age against the bound, worst point",
        ours: "",
        against: "",
        figure: `${Math.max(...results.map((r) => r.ours.meanAge / r.bound)).toFixed(2)} ×`,
      }),
      boundedRow(
        {
          measure: "answered 429 once learned, worst point",
          ours: `${rejectedTotal} in ${Math.round(requestTotal)} at the points that met any`,
          against: "",
          figure: rejectedShare === 0 ? "none" : `1 in ${Math.round(1 / rejectedShare)}`,
        },
        "fewer than 1 in 200",
        rejectedShare < 1 / 200,
      ),
      infoRow({
        measure: "changes seen within 30 s, mean",
        ours: percent(mean(results.map((r) => r.ours.seenWithin30s))),
        against: `sweeps ${percent(mean(results.map((r) => r.sweeps.seenWithin30s)))}, lookups ${percent(mean(results.map((r) => r.lookups.seenWithin30s)))}`,
        figure: "",
      }),
      infoRow({
        measure: "sweeps without manners",
        ours: "",
        against: seconds(age((r) => r.ignoringRetryAfter)),
        figure: `${percent(mean(results.map((r) => r.ignoringRetryAfter.rejectedShare)))} answered 429`,
      }),
      infoRow({
        measure: "where Webex takes no old link",
        ours: seconds(age((r) => r.withoutOldLinks)),
        against: `better rival, worst point ${Math.max(...withoutOldLinksRatios).toFixed(2)} ×`,
        figure: `${geometricMean(results.map((r) => r.withoutOldLinks.meanAge / r.bound)).toFixed(2)} × the bound`,
      }),
      infoRow({
        measure: "where RequestsPerMinute is the limit itself",
        ours: seconds(age((r) => r.withLimitSet)),
        against: `${sum(results.map((r) => r.withLimitSet.rejected))} requests answered 429`,
        figure: `${geometricMean(results.map((r) => r.withLimitSet.meanAge / r.bound)).toFixed(2)} × the bound`,
      }),
    ],
    panels: [
      {
        title: "Mean age of watched persons, each point against the bound",
        unit: "times the bound, cut at 20",
        series: [
          { label: "worker", samples: cappedRatios(results, (r) => r.ours), ours: true },
          {
            label: "worker, no old links",
            samples: cappedRatios(results, (r) => r.withoutOldLinks),
            ours: true,
          },
          { label: "sweeps alone", samples: cappedRatios(results, (r) => r.sweeps) },
          { label: "lookups alone", samples: cappedRatios(results, (r) => r.lookups) },
          {
            label: "sweeps without manners",
            samples: cappedRatios(results, (r) => r.ignoringRetryAfter),
          },
        ],
        bound: { value: 1, label: "bound" },
      },
    ],
    notes: [
      "The bound is max(interval, min(pages, watched) / rate) / 2. Reading again only the pages that hold watched persons can be fresher than that.",
      "Neither rival knows the limit or spreads its requests: one that did both at no cost would reach the bound, which is the harder comparison where pages or watched persons are few.",
      "Means of ages and ratios are geometric.",
    ],
    appendix: pointTable(results),
  };
}

function cappedRatios(
  results: readonly Result[],
  select: (result: Result) => Outcome,
): readonly number[] {
  return results.map((result) => Math.min(20, select(result).meanAge / result.bound));
}

function pointTable(results: readonly Result[]): string {
  const head = [
    "persons",
    "page",
    "watched",
    "limit",
    "bound",
    "worker: mean",
    "P95",
    "seen in 30 s",
    "requests/min",
    "429",
    "sweeps: mean",
    "P95",
    "seen in 30 s",
    "429",
    "lookups: mean",
    "P95",
    "seen in 30 s",
    "429",
    "no manners: mean",
    "429",
    "no old links: mean",
    "limit set: mean",
  ];
  const rows = results.map(
    ({ point, bound, ours, sweeps, lookups, ignoringRetryAfter, withoutOldLinks, withLimitSet }) =>
      [
        point.persons.toLocaleString("en-US"),
        `${point.pageSize} (${pageCount(point)})`,
        point.watched,
        point.limit,
        bound.toFixed(1),
        `**${ours.meanAge.toFixed(1)}**`,
        ours.p95Age.toFixed(1),
        percent(ours.seenWithin30s),
        ours.requestsPerMinute.toFixed(1),
        ours.rejected,
        sweeps.meanAge.toFixed(1),
        sweeps.p95Age.toFixed(1),
        percent(sweeps.seenWithin30s),
        sweeps.rejected,
        lookups.meanAge.toFixed(1),
        lookups.p95Age.toFixed(1),
        percent(lookups.seenWithin30s),
        lookups.rejected,
        ignoringRetryAfter.meanAge.toFixed(1),
        percent(ignoringRetryAfter.rejectedShare),
        withoutOldLinks.meanAge.toFixed(1),
        withLimitSet.meanAge.toFixed(1),
      ].join(" | "),
  );
  const line = (cells: string): string => `| ${cells} |`;
  return [
    "Each point: ages in seconds, limit in requests a minute, page size (and pages), 429 in the time measured.",
    [line(head.join(" | ")), line(head.map(() => "---:").join(" | ")), ...rows.map(line)].join(
      "\n",
    ),
  ].join("\n\n");
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)));
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { describeMachine: machine } = await import("./machine.js");
  const { textTable, writeResults } = await import("./report.js");
  const result = await run({
    worker: "",
    rounds: (atLeast) => atLeast,
    log: (text) => void process.stderr.write(`  ${text}\n`),
  });
  console.log(`${machine()}\n\n${textTable(result.rows)}`);
  if (!process.argv.includes("--dry")) await writeResults(freshness, result, machine());
}
