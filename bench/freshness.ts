import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

import { boundedRow, infoRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import {
  INTERVAL_MS,
  lowerBoundSeconds,
  pageCount,
  REJECTION_MS,
  Scenario,
  type GridPoint,
} from "./freshness/scenario.js";
import { ServiceModel, type Outcome } from "./freshness/service-model.js";
import { measureWorker } from "./freshness/worker-measurement.js";
import { formatNumber } from "./samples.js";

interface Result {
  readonly point: GridPoint;
  readonly bound: number;
  readonly worker: Outcome;
  readonly sweeps: Outcome;
  readonly lookups: Outcome;
  readonly sweepsIgnoringRetryAfter: Outcome;
  /** The worker if Webex rejects old links. */
  readonly withoutOldLinks: Outcome;
  /** The worker if `RequestsPerMinute` is Webex's limit. */
  readonly withLimitSet: Outcome;
}

type OutcomeName = Exclude<keyof Result, "point" | "bound">;

const GRID: readonly GridPoint[] = [1_000, 10_000, 50_000, 100_000].flatMap((persons) =>
  [100, 1_000].flatMap((pageSize) =>
    [10, 100, 1_000].flatMap((watched) =>
      [30, 60, 300].map((limit) => ({ persons, pageSize, watched, limit })),
    ),
  ),
);
/** The maximum of the setting, so that the worker has to find the limit itself. */
const MAX_REQUESTS_PER_MINUTE = 600;

export const freshness: Bench = {
  name: "freshness",
  title: "Freshness: the age of the presence that operators see",
  description: `The worker's poller, planner and request budget on a simulated clock, against a model of Webex that hides its limit and takes 0.2 s for a response and 1.8 ms for each person in it (2 s for a page of 1,000); presence changes as in the simulator. All ${GRID.length} points of persons × page size × watched × limit, each after a warm-up, for at least 30 simulated minutes. PollIntervalSeconds is 5 for all. Ages are those of watched persons, from the moment of Webex's response.`,
  run,
};

async function run({ log }: BenchContext): Promise<BenchResult> {
  const results: Result[] = [];
  for (const point of GRID) {
    const scenario = new Scenario(point);
    results.push({
      point,
      bound: lowerBoundSeconds(point),
      worker: await measureWorker(scenario, MAX_REQUESTS_PER_MINUTE),
      sweeps: simulateRoundRobin(scenario, "pages"),
      lookups: simulateRoundRobin(scenario, "persons"),
      sweepsIgnoringRetryAfter: simulateRoundRobin(scenario, "pages", false),
      withoutOldLinks: await measureWorker(scenario, MAX_REQUESTS_PER_MINUTE, false),
      withLimitSet: await measureWorker(scenario, point.limit),
    });
    if (results.length % 9 === 0) log(`${results.length} of ${GRID.length} points`);
  }
  return summarize(results);
}

/**
 * A baseline: requests one page or watched person after another in every interval, or continuously
 * if that takes longer.
 */
function simulateRoundRobin(
  scenario: Scenario,
  items: "pages" | "persons",
  honorsRetryAfter = true,
): Outcome {
  const service = new ServiceModel(scenario);
  const itemCount = items === "pages" ? scenario.pages : scenario.positions.length;
  let now = 0;
  while (now < scenario.endMs) {
    const startedAt = now;
    for (let item = 0; item < itemCount && now < scenario.endMs;) {
      const retryAfterMs = service.handleRequest(now + REJECTION_MS / 2);
      if (retryAfterMs > 0) {
        now += REJECTION_MS + (honorsRetryAfter ? retryAfterMs : 0);
        continue;
      }
      const durationMs = items === "pages" ? scenario.pageMs : scenario.lookupMs;
      if (items === "pages") service.observePage(item, now + durationMs / 2);
      else service.observePerson(item, now + durationMs / 2);
      now += durationMs;
      item += 1;
    }
    now = Math.max(now, startedAt + INTERVAL_MS);
  }
  return service.outcome();
}

function summarize(results: readonly Result[]): BenchResult {
  const outcomes = (name: OutcomeName): readonly Outcome[] => results.map((r) => r[name]);
  const age = (name: OutcomeName): string =>
    `${formatNumber(geometricMean(outcomes(name).map(({ meanAge }) => meanAge)))} s`;
  const seen = (name: OutcomeName): string =>
    percent(mean(outcomes(name).map(({ seenWithin30s }) => seenWithin30s)));
  const ratiosToBound = (name: OutcomeName): readonly number[] =>
    results.map((r) => r[name].meanAge / r.bound);
  const capped = (name: OutcomeName): readonly number[] =>
    ratiosToBound(name).map((ratio) => Math.min(20, ratio));
  const worstRatio = (name: OutcomeName): number =>
    Math.max(
      ...results.map((r) => r[name].meanAge / Math.min(r.sweeps.meanAge, r.lookups.meanAge)),
    );
  const worst = worstRatio("worker");
  const toBound = geometricMean(ratiosToBound("worker"));
  const worker = outcomes("worker");
  const rejectedShare = Math.max(...worker.map((outcome) => outcome.rejectedShare));
  const rejected = sum(worker.map((outcome) => outcome.rejected));
  const requests = sum(
    worker.map((outcome) => (outcome.rejected > 0 ? outcome.rejected / outcome.rejectedShare : 0)),
  );
  const ignoringShare = mean(outcomes("sweepsIgnoringRetryAfter").map((o) => o.rejectedShare));
  const rejectedWithLimitSet = sum(outcomes("withLimitSet").map((o) => o.rejected));
  const ours = age("worker");
  const noAges = { ours: "", against: "" };
  return {
    rows: [
      boundedRow(
        {
          measure: "age against the better baseline, worst point",
          ...noAges,
          figure: times(worst),
        },
        "at most 1.1 ×",
        worst <= 1.1,
      ),
      ...(["sweeps", "lookups"] as const).map((baseline) => {
        const gain = geometricMean(results.map((r) => r[baseline].meanAge / r.worker.meanAge));
        const against = `${baseline} ${age(baseline)}`;
        const measure = `fresher than ${baseline} alone`;
        const figure = times(gain);
        return boundedRow({ measure, ours, against, figure }, "at least 1.8 ×", gain >= 1.8);
      }),
      boundedRow(
        {
          measure: "age against the bound",
          ours,
          against: `bound ${formatNumber(geometricMean(results.map(({ bound }) => bound)))} s`,
          figure: times(toBound),
        },
        "within 1.25 ×",
        toBound <= 1.25,
      ),
      infoRow({
        measure: "age against the bound, worst point",
        ...noAges,
        figure: times(Math.max(...ratiosToBound("worker"))),
      }),
      boundedRow(
        {
          measure: "answered 429 after the warm-up, worst point",
          ours: `${rejected} in ${Math.round(requests)} at the points with any`,
          against: "",
          figure: rejectedShare === 0 ? "none" : `1 in ${Math.round(1 / rejectedShare)}`,
        },
        "fewer than 1 in 200",
        rejectedShare < 1 / 200,
      ),
      infoRow({
        measure: "changes seen within 30 s, mean",
        ours: seen("worker"),
        against: `sweeps ${seen("sweeps")}, lookups ${seen("lookups")}`,
        figure: "",
      }),
      infoRow({
        measure: "sweeps that ignore Retry-After",
        ours: "",
        against: age("sweepsIgnoringRetryAfter"),
        figure: `${percent(ignoringShare)} answered 429`,
      }),
      infoRow({
        measure: "if Webex rejects old links",
        ours: age("withoutOldLinks"),
        against: `better baseline, worst point ${times(worstRatio("withoutOldLinks"))}`,
        figure: `${times(geometricMean(ratiosToBound("withoutOldLinks")))} the bound`,
      }),
      infoRow({
        measure: "if RequestsPerMinute is Webex's limit",
        ours: age("withLimitSet"),
        against: `${rejectedWithLimitSet} requests answered 429`,
        figure: `${times(geometricMean(ratiosToBound("withLimitSet")))} the bound`,
      }),
    ],
    panels: [
      {
        title: "Mean age of watched persons at each point, relative to the bound",
        unit: "times the bound, cut at 20",
        series: [
          { label: "worker", samples: capped("worker"), ours: true },
          { label: "worker, no old links", samples: capped("withoutOldLinks"), ours: true },
          { label: "sweeps alone", samples: capped("sweeps") },
          { label: "lookups alone", samples: capped("lookups") },
          { label: "sweeps that ignore Retry-After", samples: capped("sweepsIgnoringRetryAfter") },
        ],
        bound: { value: 1, label: "bound" },
      },
    ],
    notes: [
      "The bound is max(interval, min(sweep, lookups of all watched persons)) / 2, with one request at a time, each of which takes 1 / rate or the time of its response, whichever is longer. Refetching only the pages with watched persons can beat it.",
      "Neither baseline knows the limit or spreads its requests. A client that did both at no cost would reach the bound, which is the harder comparison if there are few pages or watched persons.",
      "Means of ages and ratios are geometric.",
    ],
    appendix: pointTable(results),
  };
}

function pointTable(results: readonly Result[]): string {
  const age = (outcome: Outcome): string => outcome.meanAge.toFixed(1);
  const details = (outcome: Outcome): string[] => [
    age(outcome),
    outcome.p95Age.toFixed(1),
    percent(outcome.seenWithin30s),
  ];
  const columns =
    "persons, page, watched, limit, bound, worker: mean, P95, seen in 30 s, requests/min, 429, sweeps: mean, P95, seen in 30 s, 429, lookups: mean, P95, seen in 30 s, 429, ignoring Retry-After: mean, 429, no old links: mean, limit set: mean".split(
      ", ",
    );
  const rows = results.map(({ point, bound, worker, sweeps, lookups, ...others }) => {
    const [mean, ...workerDetails] = details(worker);
    return [
      point.persons.toLocaleString("en-US"),
      `${point.pageSize} (${pageCount(point)})`,
      point.watched,
      point.limit,
      bound.toFixed(1),
      `**${mean}**`,
      ...workerDetails,
      worker.requestsPerMinute.toFixed(1),
      worker.rejected,
      ...details(sweeps),
      sweeps.rejected,
      ...details(lookups),
      lookups.rejected,
      age(others.sweepsIgnoringRetryAfter),
      percent(others.sweepsIgnoringRetryAfter.rejectedShare),
      age(others.withoutOldLinks),
      age(others.withLimitSet),
    ];
  });
  const lines = [columns, columns.map(() => "---:"), ...rows];
  return [
    "Each point: ages in seconds, limit in requests per minute, page size (and pages), 429 in the time measured.",
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
  ].join("\n\n");
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
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
  const { describeMachine, textTable, writeResults } = await import("./report.js");
  const result = await run({
    worker: "",
    rounds: (atLeast) => atLeast,
    quick: false,
    log: (text) => void process.stderr.write(`  ${text}\n`),
  });
  console.log(`${describeMachine()}\n\n${textTable(result.rows)}`);
  if (!process.argv.includes("--dry")) await writeResults(freshness, result, describeMachine());
}
