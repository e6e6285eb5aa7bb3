import { type BenchResult, boundedRow, infoRow, type Row } from "../bench.js";
import { formatNumber } from "../samples.js";
import { pointTable } from "./point-table.js";
import type { Outcome } from "./service-model.js";
import type { Result } from "./result.js";

type OutcomeName = Exclude<keyof Result, "point" | "bound">;
type WorkerName = "worker" | "withoutOldLinks" | "withLimitSet" | "flatWorker";

const NONE = { ours: "", against: "" };

/** The bench's rows, plot and notes. */
export function summarize(results: readonly Result[]): BenchResult {
  const figures = new Figures(results);
  return {
    rows: [
      ...ageRows(figures),
      ...lightRows(figures),
      ...startRows(figures),
      ...otherRows(figures),
      ...flatRows(figures),
    ],
    panels: [
      {
        title: "Mean age of watched persons at each point, relative to the bound",
        unit: "times the bound, cut at 20",
        series: [
          { label: "worker", samples: figures.cappedRatios("worker"), ours: true },
          {
            label: "worker, no old links",
            samples: figures.cappedRatios("withoutOldLinks"),
            ours: true,
          },
          { label: "sweeps alone", samples: figures.cappedRatios("sweeps") },
          { label: "lookups alone", samples: figures.cappedRatios("lookups") },
          {
            label: "sweeps that ignore Retry-After",
            samples: figures.cappedRatios("sweepsIgnoringRetryAfter"),
          },
        ],
        bound: { value: 1, label: "bound" },
      },
    ],
    notes: [
      "The bound is max(interval, min(pages, watched persons) / rate) / 2, as if responses took no time. Refetching only the pages with watched persons can beat it.",
      "Neither baseline knows the limit or spreads its requests. A client that did both at no cost would reach the bound, which is the harder comparison if there are few pages or watched persons.",
      "A light is incorrect while it shows another status than the person has, from the arrival of the response on. A record older than StaleAfterSeconds is shown as unknown, also by the baselines. The better baseline is the one with the lower mean over all points; per point, it is the better one at that point.",
      "A restart follows the measurement, with what the worker has learned. Steady is the age before it.",
      "Means of ages, shares of incorrect lights and ratios are geometric.",
    ],
    appendix: pointTable(results),
  };
}

class Figures {
  readonly results: readonly Result[];

  constructor(results: readonly Result[]) {
    this.results = results;
  }

  outcomes(name: OutcomeName): readonly Outcome[] {
    return this.results.map((result) => result[name]);
  }

  mean(select: (result: Result) => number): number {
    return geometricMean(this.results.map(select));
  }

  max(select: (result: Result) => number): number {
    return Math.max(...this.results.map(select));
  }

  age(name: OutcomeName): string {
    return seconds(this.mean((result) => result[name].meanAge));
  }

  toBound(name: OutcomeName): number {
    return this.mean((result) => result[name].meanAge / result.bound);
  }

  cappedRatios(name: OutcomeName): readonly number[] {
    return this.results.map((result) => Math.min(20, result[name].meanAge / result.bound));
  }

  worstAgainst(name: WorkerName, ...baselines: readonly OutcomeName[]): number {
    return this.max(
      (r) => r[name].meanAge / Math.min(...baselines.map((baseline) => r[baseline].meanAge)),
    );
  }
}

function ageRows(figures: Figures): readonly Row[] {
  const ours = figures.age("worker");
  const worst = figures.worstAgainst("worker", "sweeps", "lookups");
  const worstWithoutOldLinks = figures.worstAgainst("withoutOldLinks", "sweeps", "lookups");
  const toBound = figures.toBound("worker");
  const bound = seconds(figures.mean((result) => result.bound));
  return [
    boundedRow(
      { measure: "age against the better baseline, worst point", ...NONE, figure: times(worst) },
      "at most 1.1 ×",
      worst <= 1.1,
    ),
    boundedRow(
      {
        measure: "the same if Webex rejects old links",
        ...NONE,
        figure: times(worstWithoutOldLinks),
      },
      "at most 1.1 ×",
      worstWithoutOldLinks <= 1.1,
    ),
    ...(["sweeps", "lookups"] as const).map((baseline) => {
      const gain = figures.mean((r) => r[baseline].meanAge / r.worker.meanAge);
      const against = `${baseline} ${figures.age(baseline)}`;
      const measure = `fresher than ${baseline} alone`;
      const figure = times(gain);
      return boundedRow({ measure, ours, against, figure }, "at least 1.8 ×", gain >= 1.8);
    }),
    boundedRow(
      {
        measure: "age against the bound",
        ours,
        against: `bound ${bound}`,
        figure: times(toBound),
      },
      "within 1.25 ×",
      toBound <= 1.25,
    ),
    infoRow({
      measure: "age against the bound, worst point",
      ...NONE,
      figure: times(figures.max((result) => result.worker.meanAge / result.bound)),
    }),
  ];
}

function lightRows(figures: Figures): readonly Row[] {
  // Someone whose light is never incorrect would make the geometric mean 0.
  const incorrect = ({ light }: Outcome): number => Math.max(1e-6, light.incorrect);
  const meanIncorrect = (name: OutcomeName): number =>
    figures.mean((result) => incorrect(result[name]));
  /** A client that shows hardly any light shows hardly any incorrect one. */
  const shown = (outcome: Outcome): number =>
    incorrect(outcome) / Math.max(1e-3, 1 - outcome.light.unknown);
  const meanShown = (name: OutcomeName): number => figures.mean((result) => shown(result[name]));
  /** By age alone. */
  const meanAtAnyAge = (name: OutcomeName): number =>
    figures.mean((result) => Math.max(1e-6, result[name].light.incorrectAtAnyAge));
  const useless = (name: OutcomeName): string =>
    percent(mean(figures.outcomes(name).map(({ light }) => light.unknown + light.incorrect)));
  const unknown = (name: OutcomeName): string =>
    percent(mean(figures.outcomes(name).map(({ light }) => light.unknown)));
  const ratio =
    meanIncorrect("worker") / Math.min(meanIncorrect("sweeps"), meanIncorrect("lookups"));
  const perPoint = figures.mean(
    (r) => incorrect(r.worker) / Math.min(incorrect(r.sweeps), incorrect(r.lookups)),
  );
  const ours = fineShare(meanIncorrect("worker"));
  const against = `sweeps ${fineShare(meanIncorrect("sweeps"))}, lookups ${fineShare(meanIncorrect("lookups"))}`;
  return [
    boundedRow(
      { measure: "time with an incorrect light", ours, against, figure: times(ratio) },
      "at most 0.5 × the better baseline",
      ratio <= 0.5,
    ),
    infoRow({
      measure: "time with an incorrect light, better baseline per point",
      ...NONE,
      figure: times(perPoint),
    }),
    infoRow({
      measure: "the same, of the time with a light",
      ours: fineShare(meanShown("worker")),
      against: `sweeps ${fineShare(meanShown("sweeps"))}, lookups ${fineShare(meanShown("lookups"))}`,
      figure: times(meanShown("worker") / Math.min(meanShown("sweeps"), meanShown("lookups"))),
    }),
    infoRow({
      measure: "the same, better baseline per point",
      ...NONE,
      figure: times(
        figures.mean((r) => shown(r.worker) / Math.min(shown(r.sweeps), shown(r.lookups))),
      ),
    }),
    infoRow({
      measure: "time with an incorrect light if old records were shown as well",
      ours: fineShare(meanAtAnyAge("worker")),
      against: `sweeps ${fineShare(meanAtAnyAge("sweeps"))}, lookups ${fineShare(meanAtAnyAge("lookups"))}`,
      figure: times(
        meanAtAnyAge("worker") / Math.min(meanAtAnyAge("sweeps"), meanAtAnyAge("lookups")),
      ),
    }),
    infoRow({
      measure: "time with an incorrect light or none, mean",
      ours: useless("worker"),
      against: `sweeps ${useless("sweeps")}, lookups ${useless("lookups")}`,
      figure: "",
    }),
    infoRow({
      measure: "time without a light (stale), mean",
      ours: unknown("worker"),
      against: `sweeps ${unknown("sweeps")}, lookups ${unknown("lookups")}`,
      figure: "",
    }),
  ];
}

function startRows(figures: Figures): readonly Row[] {
  const afterStart = (name: OutcomeName): string =>
    seconds(figures.mean((result) => result[name].afterStart.firstTenMinutes));
  const restartRatio = ({ worker }: Result): number => worker.afterRestart.settled / worker.meanAge;
  const ratio = figures.mean(restartRatio);
  const worst = figures.max(restartRatio);
  const ours = seconds(figures.mean(({ worker }) => worker.afterRestart.settled));
  const against = `steady ${figures.age("worker")}`;
  return [
    boundedRow(
      { measure: "minutes 2 to 10 after a restart", ours, against, figure: times(ratio) },
      "at most 1.2 ×",
      ratio <= 1.2,
    ),
    boundedRow(
      {
        measure: "minutes 2 to 10 after a restart, worst point",
        ...NONE,
        figure: times(worst),
      },
      "at most 1.2 ×",
      worst <= 1.2,
    ),
    infoRow({
      measure: "first 10 minutes after a start",
      ours: afterStart("worker"),
      against: `sweeps ${afterStart("sweeps")}, lookups ${afterStart("lookups")}`,
      figure: "",
    }),
    infoRow({
      measure: "first 10 minutes after a restart",
      ours: seconds(figures.mean(({ worker }) => worker.afterRestart.firstTenMinutes)),
      ...{ against: "", figure: "" },
    }),
  ];
}

function otherRows(figures: Figures): readonly Row[] {
  const worker = figures.outcomes("worker");
  const rejectedShare = Math.max(...worker.map((outcome) => outcome.rejectedShare));
  const rejected = sum(worker.map((outcome) => outcome.rejected));
  const requests = sum(
    worker.map((outcome) => (outcome.rejected > 0 ? outcome.rejected / outcome.rejectedShare : 0)),
  );
  const seen = (name: OutcomeName): string =>
    percent(mean(figures.outcomes(name).map(({ seenWithin30s }) => seenWithin30s)));
  const ignoringShare = mean(
    figures.outcomes("sweepsIgnoringRetryAfter").map((o) => o.rejectedShare),
  );
  const rejectedWithLimitSet = sum(figures.outcomes("withLimitSet").map((o) => o.rejected));
  return [
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
      against: figures.age("sweepsIgnoringRetryAfter"),
      figure: `${percent(ignoringShare)} answered 429`,
    }),
    infoRow({
      measure: "if Webex rejects old links",
      ours: figures.age("withoutOldLinks"),
      against: "",
      figure: `${times(figures.toBound("withoutOldLinks"))} the bound`,
    }),
    infoRow({
      measure: "if RequestsPerMinute is Webex's limit",
      ours: figures.age("withLimitSet"),
      against: `${rejectedWithLimitSet} requests answered 429`,
      figure: `${times(figures.toBound("withLimitSet"))} the bound`,
    }),
  ];
}

function flatRows(figures: Figures): readonly Row[] {
  return [
    infoRow({
      measure: "if every response takes 100 ms",
      ours: figures.age("flatWorker"),
      against: `sweeps ${figures.age("flatSweeps")}, lookups ${figures.age("flatLookups")}`,
      figure: `${times(figures.toBound("flatWorker"))} the bound`,
    }),
    infoRow({
      measure: "the same, against the better baseline, worst point",
      ...NONE,
      figure: times(figures.worstAgainst("flatWorker", "flatSweeps", "flatLookups")),
    }),
  ];
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

function fineShare(share: number): string {
  return `${formatNumber(share * 100)} %`;
}

function seconds(value: number): string {
  return `${formatNumber(value)} s`;
}
