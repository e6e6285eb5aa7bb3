import { Agent } from "node:http";

import { seededRandom } from "../../simulator/random.js";
import { sleep } from "../worker-process.js";
import type { Contender, Light } from "./contender.js";
import type { OrganizationInfo, Service } from "./service.js";

/** Times in milliseconds since the epoch. */
export interface Schedule {
  /** Decisions before `measuredFrom` belong to the warm-up. */
  readonly decisionsFrom: number;
  readonly measuredFrom: number;
  readonly end: number;
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
  { measuredFrom, end }: Schedule,
): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true });
  const random = seededRandom(organization.watched.length);
  const times: number[] = [];
  try {
    // One more, not counted, opens the connection.
    let isFirst = true;
    for (let at = measuredFrom - SAMPLE_INTERVAL_MS; at < end;) {
      await sleepUntil(at);
      const address = organization.watched[times.length % organization.watched.length] ?? "";
      const timeMs = await service.measureLookup(organization, address, agent);
      if (timeMs !== null && !isFirst) times.push(timeMs);
      isFirst = false;
      at += SAMPLE_INTERVAL_MS * (0.5 + random());
    }
  } finally {
    agent.destroy();
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
    await sleepUntil(at);
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
  const truthBefore = service.trueStatus(address);
  const { before, after, answerMs } = await contender.decide(address);
  const arrivedAt = Date.now();
  const truthAfter = service.trueStatus(address);
  return {
    ageSeconds: ageOf(after, contender.startedAt, arrivedAt),
    answerMs,
    before: stateOf(before, await truthBefore),
    after: stateOf(after, await truthAfter),
  };
}

async function sampleBackground(
  contender: Contender,
  { measuredFrom, end }: Schedule,
): Promise<number[]> {
  const ages: number[] = [];
  for (let at = measuredFrom; at < end; at += SAMPLE_INTERVAL_MS) {
    await sleepUntil(at);
    const lights = await contender.watchedLights();
    const now = Date.now();
    ages.push(mean(lights.map((light) => ageOf(light, contender.startedAt, now))));
  }
  return ages;
}

async function countRequests(
  service: Service,
  { orgId }: OrganizationInfo,
  { measuredFrom, end }: Schedule,
): Promise<{ readonly requests: number; readonly rejected: number }> {
  await sleepUntil(measuredFrom);
  const mark = await service.mark();
  await sleepUntil(end);
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

async function sleepUntil(time: number): Promise<void> {
  const delayMs = time - Date.now();
  if (delayMs > 0) await sleep(delayMs);
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
