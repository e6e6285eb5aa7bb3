import { boundedRow, infoRow, type BenchResult, type Row } from "../bench.js";
import { formatNumber, median, percentile } from "../samples.js";
import type { DecisionSample, LightState, Outcome } from "./measurement.js";

export interface PointResult {
  readonly persons: number;
  /** Requests per minute that the simulated Webex allows. */
  readonly limit: number;
  /** Decisions per minute. */
  readonly rate: number;
  /** Asks with `maxAgeSeconds: 0`. */
  readonly worker: Outcome;
  /** Asks without `maxAgeSeconds`. */
  readonly withoutMaxAge: Outcome;
  /** The worker without any question. */
  readonly withoutDecisions: Outcome;
  readonly sweeps: Outcome;
  /** Times of bare lookups in milliseconds. */
  readonly bare: readonly number[];
}

/** Decisions per limit up to which the bounds of ages and times apply. */
const MAX_SHARE = 1 / 4;
const MAX_MEDIAN_AGE_SECONDS = 0.1;
const MAX_P95_AGE_SECONDS = 1;
const MAX_MEDIAN_TIME = 1.3;
const MAX_P95_TIME = 3;
const MAX_BACKGROUND = 1.15;
const P95 = 0.95;

type Askers = "worker" | "withoutMaxAge" | "sweeps";

/** The rows, plots and the table of all points. There is at least one point within the share. */
export function summarize(results: readonly PointResult[]): Omit<BenchResult, "notes"> {
  const within = results.filter(({ rate, limit }) => rate <= limit * MAX_SHARE);
  const beyond = results.filter((result) => !within.includes(result));
  return {
    rows: [
      ageRow(within, "median", MAX_MEDIAN_AGE_SECONDS),
      ageRow(within, "95th percentile", MAX_P95_AGE_SECONDS),
      timeRow(within, "median", MAX_MEDIAN_TIME),
      timeRow(within, "95th percentile", MAX_P95_TIME),
      backgroundRow(within),
      rejectionRow(results),
      ...infoRows(results, within, beyond),
    ],
    panels: [
      {
        title: `Age of the answer, 95th percentile at each point with decisions up to a quarter of the limit`,
        unit: "s, cut at 60",
        series: [
          { label: "worker", samples: cutAges(within, "worker"), ours: true },
          { label: "asked without maxAgeSeconds", samples: cutAges(within, "withoutMaxAge") },
          { label: "sweeps alone", samples: cutAges(within, "sweeps") },
        ],
        bound: { value: MAX_P95_AGE_SECONDS, label: "1 s" },
      },
      {
        title: "Time to the answer against the bare lookup's, at the same points",
        unit: "ratio",
        series: [
          { label: "median", samples: within.map((r) => timeRatio(r, "median")), ours: true },
          {
            label: "95th percentile",
            samples: within.map((r) => timeRatio(r, "95th percentile")),
            ours: true,
          },
        ],
        bound: { value: MAX_MEDIAN_TIME, label: `${MAX_MEDIAN_TIME} ×` },
      },
      {
        title: "Mean age of the watched persons against the worker asked without maxAgeSeconds",
        unit: "ratio",
        series: [
          { label: "up to a quarter of the limit", samples: within.map(ageRatio), ours: true },
          ...(beyond.length === 0
            ? []
            : [{ label: "beyond", samples: beyond.map(ageRatio), ours: true }]),
        ],
        bound: { value: MAX_BACKGROUND, label: `${MAX_BACKGROUND} ×` },
      },
    ],
    appendix: pointTable(results),
  };
}

type Statistic = "median" | "95th percentile";

function statistic(values: readonly number[], name: Statistic): number {
  return name === "median" ? median(values) : percentile(values, P95);
}

function ages({ decisions }: Outcome): number[] {
  return decisions.map(({ ageSeconds }) => ageSeconds);
}

function answerTimes({ decisions }: Outcome): number[] {
  return decisions.map(({ answerMs }) => answerMs);
}

function cutAges(results: readonly PointResult[], asker: Askers): number[] {
  return results.map((result) => Math.min(60, percentile(ages(result[asker]), P95)));
}

function timeRatio({ worker, bare }: PointResult, name: Statistic): number {
  return statistic(answerTimes(worker), name) / statistic(bare, name);
}

function ageRatio({ worker, withoutMaxAge }: PointResult): number {
  return worker.backgroundAge / withoutMaxAge.backgroundAge;
}

function ageRow(within: readonly PointResult[], name: Statistic, bound: number): Row {
  const age = (asker: Askers): readonly number[] =>
    within.map((result) => statistic(ages(result[asker]), name));
  const worst = Math.max(...age("worker"));
  return boundedRow(
    {
      measure: `age of the answer, ${name}, worst point`,
      ours: `${formatNumber(worst)} s`,
      against: `asked without maxAgeSeconds ${range(age("withoutMaxAge"))} s, sweeps alone ${range(age("sweeps"))} s`,
      figure: `${formatNumber(worst)} s`,
    },
    `< ${bound} s`,
    worst < bound,
  );
}

function timeRow(within: readonly PointResult[], name: Statistic, bound: number): Row {
  const ratios = within.map((result) => timeRatio(result, name));
  const worst = Math.max(...ratios);
  const times = within.map(({ worker }) => statistic(answerTimes(worker), name));
  const bare = within.map((result) => statistic(result.bare, name));
  return boundedRow(
    {
      measure: `time to the answer, ${name}, worst point`,
      ours: `${range(times)} ms`,
      against: `bare lookup ${range(bare)} ms`,
      figure: `${worst.toFixed(2)} × the bare lookup's`,
    },
    `≤ ${bound} ×`,
    worst <= bound,
  );
}

function backgroundRow(within: readonly PointResult[]): Row {
  const ratios = within.map(ageRatio);
  const typical = geometricMean(ratios);
  return boundedRow(
    {
      measure: "age of the watched persons, with decisions",
      ours: `${formatNumber(geometricMean(within.map((r) => r.worker.backgroundAge)))} s`,
      against: `asked without maxAgeSeconds ${formatNumber(geometricMean(within.map((r) => r.withoutMaxAge.backgroundAge)))} s`,
      figure: `${typical.toFixed(2)} × (worst ${Math.max(...ratios).toFixed(2)} ×)`,
    },
    `≤ ${MAX_BACKGROUND} ×`,
    typical <= MAX_BACKGROUND,
  );
}

function rejectionRow(results: readonly PointResult[]): Row {
  const ours = sum(results.map(({ worker }) => worker.rejected));
  const theirs = sum(results.map(({ withoutMaxAge }) => withoutMaxAge.rejected));
  // Both are random counts; the worker probes for the limit with and without decisions.
  const margin = 2 * Math.sqrt(ours + theirs);
  return boundedRow(
    {
      measure: "answered 429, all points",
      ours: `${ours} in ${sum(results.map(({ worker }) => worker.requests))}`,
      against: `asked without maxAgeSeconds ${theirs} in ${sum(results.map(({ withoutMaxAge }) => withoutMaxAge.requests))}`,
      figure: `${ours > theirs ? "+" : ""}${ours - theirs}`,
    },
    `no more, ± ${Math.ceil(margin)} (2 σ)`,
    ours - theirs <= margin,
  );
}

function infoRows(
  results: readonly PointResult[],
  within: readonly PointResult[],
  beyond: readonly PointResult[],
): Row[] {
  const decisions = (asker: Askers, points = results): readonly DecisionSample[] =>
    points.flatMap((result) => result[asker].decisions);
  const worker = decisions("worker");
  const share = (samples: readonly DecisionSample[], when: "before" | "after"): string =>
    `${percent(shareOf(samples, when, "wrong"))} wrong, ${percent(shareOf(samples, when, "unknown"))} unknown`;
  const wasWrong = worker.filter(({ before }) => before === "wrong");
  const corrected = wasWrong.filter(({ after }) => after === "right").length;
  const ageToIdle = within.map((r) => r.worker.backgroundAge / r.withoutDecisions.backgroundAge);
  const rows = [
    infoRow({
      measure: "light after the decision",
      ours: share(worker, "after"),
      against: `asked without maxAgeSeconds ${share(decisions("withoutMaxAge"), "after")}; sweeps alone ${share(decisions("sweeps"), "after")}`,
      figure: `before: ${share(worker, "before")}`,
    }),
    infoRow({
      measure: "light wrong before and right after",
      ours: `${corrected} of ${wasWrong.length}`,
      against: "",
      figure: wasWrong.length === 0 ? "" : percent(corrected / wasWrong.length),
    }),
    infoRow({
      measure: "age of the watched persons, against nobody asking",
      ours: `${formatNumber(geometricMean(within.map((r) => r.worker.backgroundAge)))} s`,
      against: `nobody asking ${formatNumber(geometricMean(within.map((r) => r.withoutDecisions.backgroundAge)))} s`,
      figure: `${geometricMean(ageToIdle).toFixed(2)} × (worst ${Math.max(...ageToIdle).toFixed(2)} ×)`,
    }),
  ];
  if (beyond.length === 0) return rows;
  const late = decisions("worker", beyond);
  const lateAges = late.map(({ ageSeconds }) => ageSeconds);
  return [
    ...rows,
    infoRow({
      measure: "decisions beyond a quarter of the limit",
      ours: `age ${formatNumber(median(lateAges))} s, 95th percentile ${formatNumber(percentile(lateAges, P95))} s`,
      against: `asked without maxAgeSeconds ${formatNumber(median(decisions("withoutMaxAge", beyond).map((d) => d.ageSeconds)))} s`,
      figure: `${percent(late.filter((d) => d.ageSeconds < MAX_P95_AGE_SECONDS).length / late.length)} younger than 1 s`,
    }),
  ];
}

function pointTable(results: readonly PointResult[]): string {
  const columns = [
    "persons",
    "limit",
    "decisions/min",
    "counted",
    ...["worker", "without maxAge", "sweeps"].flatMap((name) => [
      `${name}: age`,
      "95th",
      "light wrong",
      "unknown",
    ]),
    "wrong before",
    "unknown before",
    "answer: ms",
    "95th",
    "bare: ms",
    "95th",
    "background: worker",
    "without maxAge",
    "nobody asking",
    "sweeps",
    "requests/min: worker",
    "429: worker",
    "without maxAge",
    "nobody asking",
    "sweeps",
  ];
  const rows = results.map((result) => {
    const { worker, withoutMaxAge, withoutDecisions, sweeps, bare } = result;
    return [
      result.persons.toLocaleString("en-US"),
      result.limit,
      result.rate,
      worker.decisions.length,
      ...[worker, withoutMaxAge, sweeps].flatMap((outcome) => [
        formatNumber(median(ages(outcome))),
        formatNumber(percentile(ages(outcome), P95)),
        percent(shareOf(outcome.decisions, "after", "wrong")),
        percent(shareOf(outcome.decisions, "after", "unknown")),
      ]),
      percent(shareOf(worker.decisions, "before", "wrong")),
      percent(shareOf(worker.decisions, "before", "unknown")),
      formatNumber(median(answerTimes(worker))),
      formatNumber(percentile(answerTimes(worker), P95)),
      formatNumber(median(bare)),
      formatNumber(percentile(bare, P95)),
      ...[worker, withoutMaxAge, withoutDecisions, sweeps].map(({ backgroundAge }) =>
        formatNumber(backgroundAge),
      ),
      formatNumber(worker.requestsPerMinute),
      ...[worker, withoutMaxAge, withoutDecisions, sweeps].map(({ rejected }) => rejected),
    ];
  });
  const lines = [columns, columns.map(() => "---:"), ...rows];
  return [
    "Each point: ages in seconds, limit in requests per minute; *light wrong* and *unknown* are shares of the answers.",
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
  ].join("\n\n");
}

function shareOf(
  samples: readonly DecisionSample[],
  when: "before" | "after",
  state: LightState,
): number {
  return samples.filter((sample) => sample[when] === state).length / samples.length;
}

function range(values: readonly number[]): string {
  return `${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(sum(values.map(Math.log)) / values.length);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
