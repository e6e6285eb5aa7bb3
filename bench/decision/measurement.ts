import { setTimeout as sleep } from "node:timers/promises";

import { seededRandom } from "../../simulator/random.js";
import type { Contender, Light } from "./contender.js";
import type { OrganizationInfo, Service } from "./service.js";

/** Times in milliseconds since the epoch. */
export interface Schedule {
  /** Decisions before `measuredFrom` belong to the warm-up. */
  readonly decisionsFrom: number;
  readonly measuredFrom: number;
  readonly end: number;
  /** Ends the measurement early, with an error. */
  readonly signal: AbortSignal;
}

export type LightState = "right" | "wrong" | "unknown";

export interface DecisionSample {
  /** Seconds since Webex reported the person, at the arrival of the answer. */
  readonly ageSeconds: number;
  readonly answerMs: number;
  readonly before: LightState;
  readonly after: LightState;
}

export interface Outcome {
  readonly decisions: readonly DecisionSample[];
  /** The mean age of the watched persons in seconds, over persons and time. */
  readonly backgroundAge: number;
  readonly requests: number;
  readonly requestsPerMinute: number;
  /** Those of them that were answered 429. */
  readonly rejected: number;
}

const SAMPLE_INTERVAL_MS = 5_000;
const WATCHED_SHARE = 0.5;

/**
 * Watches one contender as long as the schedule says. Decisions come at random (Poisson), half of
 * them on watched persons. With the same seed they are the same for every contender.
 */
export async function measureContender(options: {
  readonly contender: Contender;
  readonly service: Service;
  readonly organization: OrganizationInfo;
  readonly decisionsPerMinute: number;
  readonly seed: number;
  readonly schedule: Schedule;
}): Promise<Outcome> {
  const { contender, service, organization, schedule } = options;
  const [decisions, ages, requests] = await Promise.all([
    runDecisions(options),
    sampleBackground(contender, schedule),
    countRequests(service, organization, schedule),
  ]);
  const minutes = (schedule.end - schedule.measuredFrom) / 60_000;
  return {
    decisions,
    backgroundAge: mean(ages),
    ...requests,
    requestsPerMinute: requests.requests / minutes,
  };
}

/** The times of bare lookups in milliseconds, one about every 5 s. */
export async function measureLookups(
  service: Service,
  organization: OrganizationInfo,
  { measuredFrom, end, signal }: Schedule,
): Promise<readonly number[]> {
  const random = seededRandom(organization.watched.length);
  const times: number[] = [];
  for (let at = measuredFrom; at < end; at += SAMPLE_INTERVAL_MS * (0.5 + random())) {
    await sleepUntil(at, signal);
    const address = organization.watched[times.length % organization.watched.length] ?? "";
    const timeMs = await service.measureLookup(organization, address);
    if (timeMs !== null) times.push(timeMs);
  }
  return times;
}

async function runDecisions(
  options: Parameters<typeof measureContender>[0],
): Promise<DecisionSample[]> {
  const { contender, service, organization, decisionsPerMinute, seed, schedule } = options;
  const random = seededRandom(seed);
  const pending: Promise<DecisionSample | null>[] = [];
  const meanGapMs = 60_000 / decisionsPerMinute;
  let at = schedule.decisionsFrom;
  for (;;) {
    at += -Math.log(1 - random()) * meanGapMs;
    if (!(at < schedule.end)) break;
    const addresses = random() < WATCHED_SHARE ? organization.watched : organization.others;
    const address = addresses[Math.floor(random() * addresses.length)] ?? "";
    await sleepUntil(at, schedule.signal);
    const isMeasured = at >= schedule.measuredFrom;
    const sample = decide(contender, service, address).then((s) => (isMeasured ? s : null));
    // Its failure is reported at the end, with the others.
    sample.catch(() => undefined);
    pending.push(sample);
  }
  return (await Promise.all(pending)).filter((sample) => sample !== null);
}

async function decide(
  contender: Contender,
  service: Service,
  address: string,
): Promise<DecisionSample> {
  const [truthBefore, { before, after, answerMs, arrivedAt }] = await Promise.all([
    service.trueStatus(address),
    contender.decide(address),
  ]);
  return {
    ageSeconds: ageOf(after, contender.startedAt, arrivedAt),
    answerMs,
    before: stateOf(before, truthBefore),
    after: stateOf(after, await service.trueStatus(address)),
  };
}

async function sampleBackground(
  contender: Contender,
  { measuredFrom, end, signal }: Schedule,
): Promise<number[]> {
  const ages: number[] = [];
  for (let at = measuredFrom; at < end; at += SAMPLE_INTERVAL_MS) {
    await sleepUntil(at, signal);
    const lights = await contender.watchedLights();
    const now = Date.now();
    ages.push(mean(lights.map((light) => ageOf(light, contender.startedAt, now))));
  }
  return ages;
}

async function countRequests(
  service: Service,
  { orgId }: OrganizationInfo,
  { measuredFrom, end, signal }: Schedule,
): Promise<{ readonly requests: number; readonly rejected: number }> {
  await sleepUntil(measuredFrom, signal);
  const mark = await service.mark();
  await sleepUntil(end, signal);
  return service.requestsSince(mark, orgId);
}

/** Whom Webex has never reported is as old as the contender. */
function ageOf({ observedAt }: Light, startedAt: number, now: number): number {
  return Math.max(0, now - (observedAt ?? startedAt)) / 1_000;
}

function stateOf({ status }: Light, truth: string | null): LightState {
  if (status === undefined) return "unknown";
  return status === truth ? "right" : "wrong";
}

async function sleepUntil(time: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, time - Date.now()), undefined, { signal });
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
