import { boundedRow, infoRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import { type Course, FAIR_WITHIN, type NodesOutcome, simulateNodes } from "./nodes/simulation.js";

const LIMITS: readonly number[] = [30, 60, 300];
const COUNTS: readonly number[] = [2, 4, 8];
const COURSES: readonly Course[] = ["together", "one after another", "one leaves"];
const MAX_REJECTED_SHARE = 1 / 100;
const MIN_TOTAL = 0.9;

interface Result extends NodesOutcome {
  readonly limit: number;
  readonly count: number;
  readonly course: Course;
  /** One worker that has the limit for itself. */
  readonly alone: NodesOutcome;
}

export const nodes: Bench = {
  name: "nodes",
  title: "Nodes: several workers on one hidden limit",
  description: `The pollers, planners and request budgets of ${COUNTS.join(", ")} nodes on a simulated clock, against one hidden limit of ${LIMITS.join(", ")} requests per minute that the nodes do not know; each wants all of it. They start together, or one after another at intervals of 20 minutes, or one node more leaves after an hour. After the last of these events, 3 simulated hours pass before 3 hours are measured. RequestsPerMinute is 600 on every node.`,
  run,
};

async function run({ log }: BenchContext): Promise<BenchResult> {
  const results: Result[] = [];
  for (const limit of LIMITS) {
    const alone = await simulateNodes(1, limit, "together");
    for (const count of COUNTS) {
      for (const course of COURSES) {
        results.push({
          limit,
          count,
          course,
          alone,
          ...(await simulateNodes(count, limit, course)),
        });
      }
    }
    log(`a limit of ${limit}`);
  }
  return summarize(results);
}

function summarize(results: readonly Result[]): BenchResult {
  return {
    rows: COUNTS.flatMap((count) => rowsOf(results.filter((r) => r.count === count))),
    panels: LIMITS.map((limit) => ({
      title: `Share of each node at a limit of ${limit}`,
      unit: "relative to equal shares",
      series: COUNTS.map((count) => ({
        label: `${count} nodes`,
        samples: results
          .filter((r) => r.limit === limit && r.count === count)
          .flatMap(({ shares }) => shares),
        ours: true,
      })),
      bound: { value: 1, label: "equal" },
    })),
    notes: [
      "Rows name the worst of the three limits and the three courses of events.",
      "A node learns of the others only by its own rejections. While few requests are rejected, it takes long to tell its share: at 3.75 requests per minute, of which 1 in 100 is rejected, a node sees one rejection in 27 minutes, and the relative error of a share learned from n rejections is about 1 / √n.",
    ],
    appendix: courseTable(results),
  };
}

function rowsOf(results: readonly Result[]) {
  const name = `${results[0]?.count ?? 0} nodes`;
  const deviation = ({ shares }: Result): number =>
    Math.max(...shares.map((share) => Math.abs(share - 1)));
  const unfair = worst(results, deviation);
  const rejected = worst(results, ({ rejectedShare }) => rejectedShare);
  const unused = worst(results, (r) => -r.perMinute / r.alone.perMinute);
  const total = unused.perMinute / unused.alone.perMinute;
  const fair = results.filter((r) => deviation(r) <= FAIR_WITHIN).length;
  return [
    boundedRow(
      {
        measure: `${name}: smallest and largest share`,
        ours: `${fair} of ${results.length} courses within the bound`,
        against: where(unfair),
        figure: range(unfair.shares),
      },
      "within 20 % of equal",
      deviation(unfair) <= FAIR_WITHIN,
    ),
    boundedRow(
      {
        measure: `${name}: answered 429`,
        ours: percent(rejected.rejectedShare),
        against: `alone ${percent(rejected.alone.rejectedShare)} (${where(rejected)})`,
        figure: oneIn(rejected.rejectedShare),
      },
      "fewer than 1 in 100",
      rejected.rejectedShare < MAX_REJECTED_SHARE,
    ),
    boundedRow(
      {
        measure: `${name}: requests of all`,
        ours: `${unused.perMinute.toFixed(1)} per minute`,
        against: `alone ${unused.alone.perMinute.toFixed(1)} (${where(unused)})`,
        figure: `${total.toFixed(2)} ×`,
      },
      "at least 0.9 ×",
      total >= MIN_TOTAL,
    ),
    infoRow({
      measure: `${name}: mean age at a limit of 60`,
      ours: ageAt(60, results, (r) => r),
      against: `alone ${ageAt(60, results, ({ alone }) => alone)}`,
      figure: "",
    }),
  ];
}

function ageAt(
  limit: number,
  results: readonly Result[],
  outcome: (result: Result) => NodesOutcome,
): string {
  const ages = results.filter((r) => r.limit === limit).map((r) => outcome(r).meanAge);
  return `${(ages.reduce((sum, age) => sum + age, 0) / ages.length).toFixed(1)} s`;
}

function courseTable(results: readonly Result[]): string {
  const columns =
    "limit, nodes, course, shares, 429, requests/min of all, alone, mean age, alone, minutes until settled".split(
      ", ",
    );
  const rows = results.map((r) => [
    r.limit,
    r.count,
    r.course,
    range(r.shares),
    oneIn(r.rejectedShare),
    r.perMinute.toFixed(1),
    r.alone.perMinute.toFixed(1),
    r.meanAge.toFixed(1),
    r.alone.meanAge.toFixed(1),
    r.settledMinutes ?? "never",
  ]);
  const lines = [columns, columns.map(() => "---:"), ...rows];
  return [
    "Each course of events: smallest and largest share relative to equal ones, ages in seconds. Settled: all shares of an hour (at first less) were within 20 %; they may leave that again by chance.",
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
  ].join("\n\n");
}

function worst(results: readonly Result[], badness: (result: Result) => number): Result {
  const [first, ...others] = results;
  if (first === undefined) throw new Error("There are no results.");
  return others.reduce((a, b) => (badness(b) > badness(a) ? b : a), first);
}

function where({ limit, course }: Result): string {
  return `limit ${limit}, ${course}`;
}

function range(shares: readonly number[]): string {
  return `${Math.min(...shares).toFixed(2)}–${Math.max(...shares).toFixed(2)}`;
}

function oneIn(share: number): string {
  return share === 0 ? "none" : `1 in ${Math.round(1 / share)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
