import type { FaultRecord } from "./fault-lane.js";
import type { Observations, Sample } from "./observations.js";
import { mostInWindow } from "./request-rate.js";
import { growthOf } from "./slope.js";
import { REQUESTS_PER_MINUTE, type SoakResult } from "./soak.js";
import { timeOf } from "./truth-judge.js";

/** How often one kind of thing was right, and what was wrong. */
export interface Check {
  readonly kind: string;
  readonly passed: number;
  readonly failures: readonly string[];
  readonly note?: string;
}

const SOURCES: Readonly<Record<string, string>> = {
  change: "records of changes are true",
  subscribe: "records of new subscriptions are true",
  query: "records of queries are true",
  decision: "records of decisions are true, fresh ones as of after the call",
  light: "lights are what queries say, and true",
};
/** What 20,000 persons at a limit like this one bring along. */
const USUAL_PROBLEMS = ["organizationTooLarge", "freshnessMissed", "memorySecretStore"];
/** How long after a fault its problem may still be in a status. */
const PROBLEM_TOLERANCE_MS = 2_000;
/** What a fault has put off is made up for. */
const AFTERMATH_MS = 5_000;
/** A busy machine, or a budget that a sweep has just used up. */
const ALLOWED_LATE_SHARE = 0.1;
/** Fewer would say nothing; a minute without faults has twice as many. */
const MIN_CALM_DECISIONS = 8;
const LOG_RECORD = /^\d{4}-\d\d-\d\dT\S+ (error|warn|info|debug) /;
const DEFECT = /because of a defect|unhandled|uncaught/i;

/** V8 frees memory in steps of some MiB: less than this in all is no leak. */
const ALLOWED_GROWTH_BYTES = 16 * 2 ** 20;
/** In its first minutes, a heap grows to the size that it then keeps. */
const ALLOWED_EARLY_GROWTH_BYTES = 48 * 2 ** 20;
const EARLY_SPAN_MS = 5 * 60_000;
/** A connection or two more are open at one moment than at another. */
const ALLOWED_DESCRIPTORS = 3;
/** The line through the two intervals of a short time doubles the difference between them. */
const ALLOWED_EARLY_DESCRIPTORS = 8;
const ALLOWED_THREADS = 1;
/** A process grows until it has seen everybody. */
const WARM_UP_MS = 30_000;
const MIN_SPAN_MS = 30_000;

export function checksOf(result: SoakResult): Check[] {
  const { observations, faults, kills, grantFailure, settledMs, foreignRequests } = result;
  return [
    ...recordChecks(result),
    faultCheck("faults are shown in time", faults, "shown"),
    faultCheck("faults are over in time", faults, "gone"),
    problemCheck(observations, faults),
    exitCheck(observations, kills),
    logCheck(observations),
    {
      kind: "stdout has nothing but messages",
      passed: observations.protocolErrors.length === 0 ? 1 : 0,
      failures: observations.protocolErrors,
    },
    freshnessCheck(observations, faults),
    rateCheck(observations),
    ...growthChecks(result),
    single("the grant is kept", grantFailure),
    single(
      "no request goes to another server",
      foreignRequests === 0 ? null : `${foreignRequests} requests did.`,
    ),
    single(
      "everybody is known at the end",
      settledMs === null ? "Some persons are not." : null,
      settledMs === null ? undefined : `${(settledMs / 1000).toFixed(0)} s after the last fault`,
    ),
  ];
}

function single(kind: string, failure: string | null, note?: string): Check {
  const failures = failure === null ? [] : [failure];
  return { kind, passed: 1 - failures.length, failures, ...(note === undefined ? {} : { note }) };
}

function recordChecks({ judgment }: SoakResult): Check[] {
  return Object.entries(SOURCES).map(([source, kind]) => {
    const failures = judgment.falsehoods
      .filter((each) => each.kind === source)
      .map(({ at, problem, record, truth, received }) => {
        const history = truth.map((each) => `${timeOf(each.at)} ${String(each.status)}`).join(", ");
        return `${timeOf(at)} ${problem} ${JSON.stringify(record)} Truth: ${history}. Received: ${received.join("; ")}.`;
      });
    const failed = judgment.falseCounts[source] ?? 0;
    const passed = Math.max(0, (judgment.counts[source] ?? 0) - failed);
    const note =
      failed > failures.length ? { note: `the first ${failures.length} of ${failed}` } : {};
    return { kind, passed, failures, ...note };
  });
}

function faultCheck(kind: string, faults: readonly FaultRecord[], part: "shown" | "gone"): Check {
  const failures = faults.flatMap((fault) => {
    const failure = fault[`${part}Failure`];
    return failure === null ? [] : [`${timeOf(fault.beganAt)} ${fault.name}: ${failure}`];
  });
  return { kind, passed: faults.filter((fault) => fault[`${part}Ms`] !== null).length, failures };
}

/** No alarm without a cause. */
function problemCheck({ statuses }: Observations, faults: readonly FaultRecord[]): Check {
  const failures = new Set<string>();
  let passed = 0;
  for (const { at, value } of statuses) {
    for (const { code, message } of value.problems) {
      const isExpected =
        USUAL_PROBLEMS.includes(code) ||
        faults.some(
          ({ problems, beganAt, goneAt }) =>
            problems.includes(code) &&
            at >= beganAt &&
            at <= (goneAt ?? Number.POSITIVE_INFINITY) + PROBLEM_TOLERANCE_MS,
        );
      if (isExpected) passed += 1;
      else failures.add(`${timeOf(at).slice(0, 5)} ${code}: ${message}`);
    }
  }
  return { kind: "problems have a cause", passed, failures: [...failures] };
}

/** The worker is killed as often as it was asked for, and ends with code 0 otherwise. */
function exitCheck({ exits }: Observations, kills: number): Check {
  const killed = exits.filter(({ value }) => value === "SIGKILL");
  const failures = exits
    .filter(({ value }) => value !== "SIGKILL" && value !== "0")
    .map(({ at, value }) => `${timeOf(at)} The worker exited: ${value}.`);
  if (killed.length !== kills) failures.push(`It was killed ${killed.length} times, not ${kills}.`);
  return { kind: "exits were asked for", passed: exits.length - failures.length, failures };
}

function logCheck({ log }: Observations): Check {
  const isBad = (line: string): boolean => !LOG_RECORD.test(line) || DEFECT.test(line);
  const failures = log.map(({ value }) => value).filter(isBad);
  const passed = log.length - failures.length;
  return { kind: "log records, none of a defect", passed, failures: failures.slice(0, 20) };
}

/** Without faults, somebody who has to decide now gets the presence of now. */
function freshnessCheck({ decisions }: Observations, faults: readonly FaultRecord[]): Check {
  const calm = decisions.filter(({ calledAt, tookMs }) =>
    faults.every(({ beganAt, goneAt }) => {
      const disturbedUntil = (goneAt ?? Number.POSITIVE_INFINITY) + AFTERMATH_MS;
      return calledAt + tookMs < beganAt || calledAt > disturbedUntil;
    }),
  );
  const late = calm.filter(({ isFresh }) => !isFresh);
  const kind = "decisions without faults are fresh";
  const text = `${late.length} of ${calm.length} are not, at most ${100 * ALLOWED_LATE_SHARE} %`;
  const isEnough = calm.length >= MIN_CALM_DECISIONS;
  const hasPassed = isEnough && late.length <= Math.ceil(ALLOWED_LATE_SHARE * calm.length);
  return single(kind, hasPassed ? null : `${text}.`, text);
}

function rateCheck({ requests, starts }: Observations): Check {
  const times = requests
    .filter(({ bearer }) => bearer)
    .map(({ at }) => at)
    .toSorted((a, b) => a - b);
  const most = mostInWindow(
    times,
    starts.map(({ at }) => at),
  );
  return {
    kind: "requests within RequestsPerMinute",
    passed: most <= REQUESTS_PER_MINUTE ? times.length : 0,
    failures: most <= REQUESTS_PER_MINUTE ? [] : [`There were ${most} in 60 s.`],
    note: `at most ${most} of ${REQUESTS_PER_MINUTE} in 60 s`,
  };
}

/** The samples of the last worker in the second half of the run, when it has warmed up. */
function warmSamples({ observations, startedAt, endedAt }: SoakResult): Sample[] {
  const { samples } = observations;
  const pid = samples.at(-1)?.pid;
  const own = samples.filter((each) => each.pid === pid);
  const from = Math.max((startedAt + endedAt) / 2, (own[0]?.time ?? 0) + WARM_UP_MS);
  return own.filter(({ time }) => time >= from);
}

function growthChecks(result: SoakResult): Check[] {
  const samples = warmSamples(result);
  const spanMs = (samples.at(-1)?.time ?? 0) - (samples[0]?.time ?? 0);
  const minutes = (spanMs / 60_000).toFixed(1);
  const check = (
    kind: string,
    allowed: number,
    unit: number,
    valueOf: (sample: Sample) => number,
  ): Check => {
    if (spanMs < MIN_SPAN_MS) return single(kind, `Only ${minutes} min could be measured.`);
    const points = samples.map((sample) => ({ at: sample.time, value: valueOf(sample) }));
    const { grown, isFlat } = growthOf(points, allowed);
    const text = `${(grown / unit).toFixed(1)} in ${minutes} min, at most ${allowed / unit}`;
    return single(kind, isFlat ? null : `It grew by ${text}.`, text);
  };
  const isEarly = spanMs < EARLY_SPAN_MS;
  const allowedBytes = isEarly ? ALLOWED_EARLY_GROWTH_BYTES : ALLOWED_GROWTH_BYTES;
  const allowedDescriptors = isEarly ? ALLOWED_EARLY_DESCRIPTORS : ALLOWED_DESCRIPTORS;
  return [
    check("resident memory does not grow (MiB)", allowedBytes, 2 ** 20, (sample) => {
      return sample.residentBytes;
    }),
    check("descriptors do not grow", allowedDescriptors, 1, ({ descriptors }) => descriptors),
    check("threads do not grow", ALLOWED_THREADS, 1, ({ threads }) => threads),
  ];
}
