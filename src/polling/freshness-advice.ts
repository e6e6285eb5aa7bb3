import { MAX_IN_FLIGHT } from "./concurrency-limit.js";
import type { PollingSettings } from "./polling-report.js";
import { countLookupsWithin, type CycleInput, findRefreshCycle } from "./refresh-cycle.js";

const MAX_REQUESTS_PER_MINUTE = 600;
const REQUESTS_PER_MINUTE_STEP = 10;
const MIN_INTERVAL_SECONDS = 5;
const STALE_AFTER_STEP_SECONDS = 10;
const MAX_STALE_AFTER_SECONDS = 86_400;
/** What is suggested has to keep ages clearly below `StaleAfterSeconds`. */
const MARGIN = 1.1;
/**
 * The 95th percentile of ages, relative to the cycle. With sweeps alone, everybody's age is below
 * the cycle; otherwise, those whose status hardly changes are requested less often.
 */
const P95_OF_SWEEPS = 1;
const P95_OF_TARGETED_CYCLES = 1.2;
/** Ages above the expected ones by more than this are due to an outage or a start. */
const MAX_MODEL_ERROR = 1.5;
/** So long after an outage or the first sweep, higher ages may still be due to it. */
const UNSTEADY_CYCLES = 2;
const MIN_STEADY_MS = 300_000;

/** A `CycleInput` with the settings, and what limits the rate. */
export interface FreshnessInput extends CycleInput {
  readonly settings: PollingSettings;
  /** The limit that Webex was found to enforce, or null if it is not below the configured one. */
  readonly observedLimit: number | null;
  /** The 95th percentile of the ages of the watched persons' presence, seconds. */
  readonly watchedP95: number;
  /** How long ago the first sweep ended, and an outage; milliseconds. */
  readonly steadyMs: number;
}

/** `expectedSeconds`: the 95th percentile of ages that is then to be expected. */
export type FreshnessAdvice =
  | {
      readonly kind: "setting";
      readonly setting: "RequestsPerMinute" | "PollIntervalSeconds" | "StaleAfterSeconds";
      readonly current: number;
      readonly suggested: number;
      readonly expectedSeconds: number;
    }
  /** Webex's limit is the cause; `maxWatched`: how many users it is enough for. */
  | {
      readonly kind: "limit";
      readonly observedLimit: number;
      readonly maxWatched: number;
      readonly staleAfterSeconds: number;
      readonly expectedSeconds: number;
    }
  /** The settings are sufficient; an outage or a start has caused the ages. */
  | { readonly kind: "none"; readonly expectedSeconds: number };

/**
 * Returns the one change that would help most if watched persons are too old, or null if too little
 * is known yet. By the planner's own formulas.
 *
 * During a first sweep, they are those of the pages read so far. If a host watches everybody, each
 * page also adds watched persons, so what is true of these pages would be outdated by the next one.
 * Only lookups do not depend on the pages.
 */
export function adviseOnFreshness(current: FreshnessInput): FreshnessAdvice | null {
  const { observedLimit, settings, watchedP95 } = current;
  const { staleAfterSeconds } = settings;
  // Not the rate and the concurrency of a start, or just after Webex has limited the rate.
  const requestsPerMinute =
    observedLimit === null ? settings.requestsPerMinute : current.requestsPerMinute;
  const input = { ...current, requestsPerMinute, maxInFlight: MAX_IN_FLIGHT };
  const modelled = findExpectedAge(input, {});
  if (!Number.isFinite(modelled) || (!current.pages.isComplete && !isByLookups(input))) return null;
  const error = watchedP95 / modelled;
  const isSteady = current.steadyMs >= Math.max(MIN_STEADY_MS, modelled * 1_000 * UNSTEADY_CYCLES);
  const scale = isSteady && error > 1 && error <= MAX_MODEL_ERROR ? error : 1;
  const expect = (change: Partial<CycleInput>): number => findExpectedAge(input, change) * scale;
  const age = expect({});
  const expectedSeconds = Math.ceil(age);
  if (age <= staleAfterSeconds) return { kind: "none", expectedSeconds };
  const advice = suggestSetting(input, expect);
  if (advice !== null) return advice;
  const sufficient = Math.min(
    MAX_STALE_AFTER_SECONDS,
    roundUp(age * MARGIN, STALE_AFTER_STEP_SECONDS),
  );
  if (observedLimit === null) {
    const setting = "StaleAfterSeconds";
    const change = { setting, current: staleAfterSeconds, suggested: sufficient } as const;
    return { kind: "setting", ...change, expectedSeconds };
  }
  const targetMs = (staleAfterSeconds * 1_000) / MARGIN / scale / P95_OF_TARGETED_CYCLES;
  const maxWatched = countLookupsWithin(input, targetMs);
  return {
    kind: "limit",
    observedLimit,
    maxWatched,
    staleAfterSeconds: sufficient,
    expectedSeconds,
  };
}

function isByLookups(input: CycleInput): boolean {
  const { isTargetingFaster, target } = findRefreshCycle(input);
  return isTargetingFaster && target === "lookup";
}

/** Suggests more requests or a shorter interval if that is sufficient; whichever may help more. */
function suggestSetting(
  { observedLimit, settings }: FreshnessInput,
  expect: (change: Partial<CycleInput>) => number,
): FreshnessAdvice | null {
  const { pollIntervalSeconds, requestsPerMinute, staleAfterSeconds } = settings;
  const rates: number[] = [];
  if (observedLimit === null) {
    const first = roundUp(requestsPerMinute + 1, REQUESTS_PER_MINUTE_STEP);
    for (let rate = first; rate <= MAX_REQUESTS_PER_MINUTE; rate += REQUESTS_PER_MINUTE_STEP) {
      rates.push(rate);
    }
  }
  const intervals: number[] = [];
  for (let seconds = pollIntervalSeconds - 1; seconds >= MIN_INTERVAL_SECONDS; seconds -= 1) {
    intervals.push(seconds);
  }
  const ways = [
    { setting: "RequestsPerMinute", current: requestsPerMinute, values: rates },
    { setting: "PollIntervalSeconds", current: pollIntervalSeconds, values: intervals },
  ] as const;
  const candidates = ways.flatMap(({ setting, current, values }) => {
    const ageWith = (value: number): number =>
      setting === "RequestsPerMinute"
        ? expect({ requestsPerMinute: value })
        : expect({ pollIntervalMs: value * 1_000 });
    const suggested = values.find((value) => ageWith(value) * MARGIN <= staleAfterSeconds);
    if (suggested === undefined) return [];
    const bestAge = ageWith(values.at(-1) ?? suggested);
    const expectedSeconds = Math.ceil(ageWith(suggested));
    return [{ bestAge, advice: { setting, current, suggested, expectedSeconds } }];
  });
  candidates.sort((a, b) => a.bestAge - b.bestAge);
  const [best] = candidates;
  return best === undefined ? null : { kind: "setting", ...best.advice };
}

/** The 95th percentile of ages, seconds, with the planner's next choice; Infinity if unknown. */
export function findExpectedAge(input: CycleInput, change: Partial<CycleInput>): number {
  const cycle = findRefreshCycle({ ...input, ...change });
  const isSweepAlone = !cycle.isTargetingFaster && !cycle.isTargetingBesideSweep;
  return (cycle.cycleMs / 1_000) * (isSweepAlone ? P95_OF_SWEEPS : P95_OF_TARGETED_CYCLES);
}

/** The advice in words, for the hint of `freshnessMissed`; null if too little is known yet. */
export function freshnessHint(input: FreshnessInput): string | null {
  const advice = adviseOnFreshness(input);
  if (advice === null) return null;
  const { demand, pages, settings, unmatchedAddresses } = input;
  const watched = demand.persons + unmatchedAddresses.length;
  const expected = `their records are then expected to be up to ${advice.expectedSeconds} s old`;
  const size = pages.isComplete
    ? `${watched} watched users, and ${pages.count} pages in the user list`
    : `${watched} watched users; the worker has read ${pages.count} pages of the user list so far`;
  switch (advice.kind) {
    case "none":
      return (
        `No setting has to change: once the worker has caught up after its start or an outage, ` +
        `the records of watched users are expected to be up to ${advice.expectedSeconds} s old.`
      );
    case "limit":
      return (
        `Webex accepts about ${Math.floor(advice.observedLimit)} requests per minute for this ` +
        `organization, so no setting makes the records fresher (${size}); they are expected to ` +
        `stay up to ${advice.expectedSeconds} s old. Watch at most about ${advice.maxWatched} ` +
        `users, or keep other programs and nodes from using up the same limit. To have the ` +
        `records displayed nevertheless, set WebexPresence.StaleAfterSeconds to ` +
        `${advice.staleAfterSeconds} (now ${settings.staleAfterSeconds}).`
      );
    case "setting": {
      const { setting, current, suggested } = advice;
      const change = `Set WebexPresence.${setting} to ${suggested} (now ${current})`;
      if (setting === "RequestsPerMinute") {
        return `${change}, if Webex allows it: ${expected} (${size}).`;
      }
      if (setting === "PollIntervalSeconds") return `${change}: ${expected} (${size}).`;
      return (
        `${change}: neither more requests nor a shorter interval would be sufficient (${size}). ` +
        `The records stay up to ${advice.expectedSeconds} s old. Watch fewer users to have ` +
        `fresher ones.`
      );
    }
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
