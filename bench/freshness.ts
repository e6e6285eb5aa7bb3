import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

import { judged, informing, type Bench, type BenchContext, type Findings } from "./bench.js";
import { boundOf, pagesOf, Scene, type Point } from "./freshness/point.js";
import { product } from "./freshness/product.js";
import { lookupsAlone, sweepsAlone, sweepsWithoutManners } from "./freshness/rivals.js";
import type { Outcome } from "./freshness/service.js";
import { readable } from "./samples.js";

interface Result {
  readonly point: Point;
  readonly bound: number;
  readonly ours: Outcome;
  readonly sweeps: Outcome;
  readonly lookups: Outcome;
  readonly unmannered: Outcome;
  /** The worker where Webex takes no old link; and where the setting is the limit itself. */
  readonly oldLinksRefused: Outcome;
  readonly limitSet: Outcome;
}

const GRID: readonly Point[] = [1_000, 10_000, 50_000, 100_000].flatMap((persons) =>
  [100, 1_000].flatMap((pageSize) =>
    [10, 100, 1_000].flatMap((watched) => [30, 60, 300].map((limit) => ({ persons, pageSize, watched, limit }))),
  ),
);
/** The setting at its highest, so that the limit has to be found out. */
const MOST_PER_MINUTE = 600;

export const freshness: Bench = {
  name: "freshness",
  title: "Freshness: how old is what the operators see",
  about: `The worker's own poller, planner and request budget on a simulated clock, against a model of Webex that hides its limit and answers in 100 ms; presence changes as in the simulator. All ${GRID.length} points of persons × page size × watched × limit, each after a warm-up, for at least 30 simulated minutes. PollIntervalSeconds is 5 for all. Ages are those of watched persons, from the moment that Webex told.`,
  run,
};

async function run({ say }: BenchContext): Promise<Findings> {
  const results: Result[] = [];
  for (const point of GRID) {
    const scene = new Scene(point);
    results.push({
      point,
      bound: boundOf(point),
      ours: await product(scene, { requestsPerMinute: MOST_PER_MINUTE, oldLinksHonoured: true }),
      sweeps: sweepsAlone(scene),
      lookups: lookupsAlone(scene),
      unmannered: sweepsWithoutManners(scene),
      oldLinksRefused: await product(scene, { requestsPerMinute: MOST_PER_MINUTE, oldLinksHonoured: false }),
      limitSet: await product(scene, { requestsPerMinute: point.limit, oldLinksHonoured: true }),
    });
    if (results.length % 9 === 0) say(`${results.length} of ${GRID.length} points`);
  }
  return findings(results);
}

function findings(results: readonly Result[]): Findings {
  const age = (of: (result: Result) => Outcome): readonly number[] => results.map((result) => of(result).meanAge);
  const better = results.map(({ sweeps, lookups }) => Math.min(sweeps.meanAge, lookups.meanAge));
  const worst = Math.max(...results.map(({ ours }, at) => ours.meanAge / (better[at] ?? 0)));
  const bySweeps = geometricMean(results.map((r) => r.sweeps.meanAge / r.ours.meanAge));
  const byLookups = geometricMean(results.map((r) => r.lookups.meanAge / r.ours.meanAge));
  const toBound = geometricMean(results.map((r) => r.ours.meanAge / r.bound));
  const refusedShare = Math.max(...results.map(({ ours }) => ours.refusedShare));
  const seconds = (values: readonly number[]): string => `${readable(geometricMean(values))} s`;
  const ours = seconds(age((r) => r.ours));
  const refusedAnywhere = sum(results.map(({ ours: { refused } }) => refused));
  const requestsAnywhere = sum(results.map(({ ours: { refused, refusedShare: share } }) => (share === 0 ? 0 : refused / share)));
  const noLinks = results.map((r, at) => r.oldLinksRefused.meanAge / (better[at] ?? 0));
  return {
    rows: [
      judged(
        { measure: "age against the better rival, worst point", ours: "", against: "", figure: `${worst.toFixed(2)} ×` },
        "at most 1.1 ×",
        worst <= 1.1,
      ),
      judged(
        {
          measure: "fresher than sweeps alone",
          ours,
          against: `sweeps ${seconds(age((r) => r.sweeps))}`,
          figure: `${bySweeps.toFixed(2)} ×`,
        },
        "at least 1.8 ×",
        bySweeps >= 1.8,
      ),
      judged(
        {
          measure: "fresher than lookups alone",
          ours,
          against: `lookups ${seconds(age((r) => r.lookups))}`,
          figure: `${byLookups.toFixed(2)} ×`,
        },
        "at least 1.8 ×",
        byLookups >= 1.8,
      ),
      judged(
        {
          measure: "age against the bound",
          ours,
          against: `bound ${seconds(results.map(({ bound }) => bound))}`,
          figure: `${toBound.toFixed(2)} ×`,
        },
        "within 1.25 ×",
        toBound <= 1.25,
      ),
      informing({
        measure: "age against the bound, worst point",
        ours: "",
        against: "",
        figure: `${Math.max(...results.map((r) => r.ours.meanAge / r.bound)).toFixed(2)} ×`,
      }),
      judged(
        {
          measure: "answered 429 once learned, worst point",
          ours: `${refusedAnywhere} in ${Math.round(requestsAnywhere)} at the points that met any`,
          against: "",
          figure: refusedShare === 0 ? "none" : `1 in ${Math.round(1 / refusedShare)}`,
        },
        "fewer than 1 in 200",
        refusedShare < 1 / 200,
      ),
      informing({
        measure: "changes seen within 30 s, mean",
        ours: percent(mean(results.map((r) => r.ours.seenInTime))),
        against: `sweeps ${percent(mean(results.map((r) => r.sweeps.seenInTime)))}, lookups ${percent(mean(results.map((r) => r.lookups.seenInTime)))}`,
        figure: "",
      }),
      informing({
        measure: "sweeps without manners",
        ours: "",
        against: seconds(age((r) => r.unmannered)),
        figure: `${percent(mean(results.map((r) => r.unmannered.refusedShare)))} answered 429`,
      }),
      informing({
        measure: "where Webex takes no old link",
        ours: seconds(age((r) => r.oldLinksRefused)),
        against: `better rival, worst point ${Math.max(...noLinks).toFixed(2)} ×`,
        figure: `${geometricMean(results.map((r) => r.oldLinksRefused.meanAge / r.bound)).toFixed(2)} × the bound`,
      }),
      informing({
        measure: "where RequestsPerMinute is the limit itself",
        ours: seconds(age((r) => r.limitSet)),
        against: `${sum(results.map((r) => r.limitSet.refused))} requests answered 429`,
        figure: `${geometricMean(results.map((r) => r.limitSet.meanAge / r.bound)).toFixed(2)} × the bound`,
      }),
    ],
    panels: [
      {
        title: "Mean age of watched persons, each point against the bound",
        unit: "times the bound, cut at 20",
        series: [
          { label: "worker", samples: capped(results, (r) => r.ours), ours: true },
          { label: "worker, no old links", samples: capped(results, (r) => r.oldLinksRefused), ours: true },
          { label: "sweeps alone", samples: capped(results, (r) => r.sweeps) },
          { label: "lookups alone", samples: capped(results, (r) => r.lookups) },
          { label: "sweeps without manners", samples: capped(results, (r) => r.unmannered) },
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

function capped(results: readonly Result[], of: (result: Result) => Outcome): readonly number[] {
  return results.map((result) => Math.min(20, of(result).meanAge / result.bound));
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
  const rows = results.map(({ point, bound, ours, sweeps, lookups, unmannered, oldLinksRefused, limitSet }) =>
    [
      point.persons.toLocaleString("en-US"),
      `${point.pageSize} (${pagesOf(point)})`,
      point.watched,
      point.limit,
      bound.toFixed(1),
      `**${ours.meanAge.toFixed(1)}**`,
      ours.p95Age.toFixed(1),
      percent(ours.seenInTime),
      ours.requestsAMinute.toFixed(1),
      ours.refused,
      sweeps.meanAge.toFixed(1),
      sweeps.p95Age.toFixed(1),
      percent(sweeps.seenInTime),
      sweeps.refused,
      lookups.meanAge.toFixed(1),
      lookups.p95Age.toFixed(1),
      percent(lookups.seenInTime),
      lookups.refused,
      unmannered.meanAge.toFixed(1),
      percent(unmannered.refusedShare),
      oldLinksRefused.meanAge.toFixed(1),
      limitSet.meanAge.toFixed(1),
    ].join(" | "),
  );
  const line = (cells: string): string => `| ${cells} |`;
  return [
    "Each point: ages in seconds, limit in requests a minute, page size (and pages), 429 in the time measured.",
    [line(head.join(" | ")), line(head.map(() => "---:").join(" | ")), ...rows.map(line)].join("\n"),
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
  const { machine } = await import("./machine.js");
  const { textTable, writeResults } = await import("./report.js");
  const result = await run({ worker: "", rounds: (atLeast) => atLeast, say: (text) => void process.stderr.write(`  ${text}\n`) });
  console.log(`${machine()}\n\n${textTable(result.rows)}`);
  if (!process.argv.includes("--dry")) await writeResults(freshness, result, machine());
}
