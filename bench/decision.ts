import { setMaxListeners } from "node:events";

import type { Bench, BenchContext, BenchResult } from "./bench.js";
import { Group } from "./decision/group.js";
import { summarize } from "./decision/summary.js";
import { formatNumber, median } from "./samples.js";

const PERSONS = [1_000, 10_000, 100_000];
const LIMITS = [30, 60, 300];
/** Decisions per minute. */
const RATES = [6, 20];
const WATCHED = 100;
const MINUTE_MS = 60_000;
/** Webex's time for a lookup: 0.2 s and one person. */
const NOMINAL_LOOKUP_MS = 201.8;

/** Minutes: from the start to the first decision, to the measurement, and its length. */
const FULL = { quiet: 3, warmUp: 7, measured: 10 };
const QUICK = { quiet: 1, warmUp: 2, measured: 2 };

export const decision: Bench = {
  name: "decision",
  title: "Fresh at the moment of decision",
  description:
    `The built worker against the simulated Webex, a process of its own, in real time: 0.2 s for a lookup, 0.4 s for a page of 100, 2 s for a page of 1,000, and a hidden limit, which the worker finds by itself (\`RequestsPerMinute\` is 600) in a warm-up of ${FULL.warmUp} minutes; then ${FULL.measured} minutes count. ` +
    `${WATCHED} persons are subscribed; presence changes as on a working day. Decisions come at random (Poisson), half of them on persons who are not subscribed: \`presence/get\` with \`maxAgeSeconds: 0\`. Beside it run, each in an organization of its own with the same persons: a worker asked the same without \`maxAgeSeconds\`; a worker whom nobody asks; ` +
    "and a client that sweeps pages of 1,000 one after another, obeying `Retry-After`. The bare lookup is an HTTP request by Node alone to the same simulator process, about every 5 s. The age of an answer is the time of its arrival less `observedAt`; a light is right if it shows the status that the simulator has at that moment.",
  run,
};

async function run({ worker, rounds, quick, log }: BenchContext): Promise<BenchResult> {
  const times = quick ? QUICK : { ...FULL, measured: rounds(FULL.measured) };
  const groups: Group[] = [];
  const ending = new AbortController();
  // Every wait of the measurement listens.
  setMaxListeners(0, ending.signal);
  try {
    for (const persons of quick ? PERSONS.slice(0, 2) : PERSONS) {
      for (const limit of quick ? LIMITS.slice(1) : LIMITS) {
        groups.push(await Group.start({ worker, persons, limit, rates: RATES, watched: WATCHED }));
        log(`started: ${persons} persons, limit ${limit}`);
      }
    }
    const startedAt = Date.now();
    const schedule = {
      decisionsFrom: startedAt + times.quiet * MINUTE_MS,
      measuredFrom: startedAt + times.warmUp * MINUTE_MS,
      end: startedAt + (times.warmUp + times.measured) * MINUTE_MS,
      signal: ending.signal,
    };
    log(`warm-up of ${times.warmUp} minutes, then ${times.measured} minutes that count`);
    reportProgress(startedAt, ending.signal, log);
    const results = await Promise.all(groups.map((group) => group.measure(schedule)));
    const bareMedians = results.map(([point]) => median(point?.bare ?? []));
    return {
      ...summarize(results.flat()),
      notes: [
        `All points run at the same time: ${groups.length} simulators, ${groups.length * (2 * RATES.length + 1)} workers and ${groups.length} sweeping clients. What that costs shows in the bare lookup, whose median is ${formatNumber(Math.min(...bareMedians))} to ${formatNumber(Math.max(...bareMedians))} ms instead of ${NOMINAL_LOOKUP_MS} ms.`,
        "The bounds apply where the decisions are at most a quarter of the limit. They must hold at the worst such point; for the age of the watched persons, it is the geometric mean over these points.",
        "A question makes its person watched for 10 minutes, with or without `maxAgeSeconds`, so that more persons share the requests than if nobody asks. The comparison with the worker asked without `maxAgeSeconds` is between the same watched persons.",
      ],
    };
  } finally {
    ending.abort();
    await Promise.all(groups.map((group) => group.stop()));
  }
}

/** Logs the time once a minute, until the signal fires. */
function reportProgress(startedAt: number, signal: AbortSignal, log: (text: string) => void): void {
  const timer = setInterval(
    () => log(`minute ${Math.round((Date.now() - startedAt) / MINUTE_MS)}`),
    MINUTE_MS,
  );
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
