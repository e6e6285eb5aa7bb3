import type { Random } from "../../src/ports/clock.js";
import type { Logger } from "../../src/ports/logger.js";
import { OrganizationPoller } from "../../src/polling/organization-poller.js";
import { RequestBudget } from "../../src/polling/request-budget.js";
import { seededRandom } from "../../simulator/random.js";
import { FLAT, INTERVAL_MS, Scenario, STALE_AFTER_MS } from "../freshness/scenario.js";
import { HiddenLimit, ServiceModel } from "../freshness/service-model.js";
import { SimulatedClock } from "../freshness/simulated-clock.js";
import { SimulatedPeopleApi } from "../freshness/simulated-people-api.js";
import { WatchedRoster } from "../freshness/watched-roster.js";

const MINUTE_MS = 60_000;
/** The maximum of the setting, so that the nodes have to find the limit themselves. */
const REQUESTS_PER_MINUTE = 600;
/** Between the starts of nodes that start one after another. */
const START_INTERVAL_MS = 20 * MINUTE_MS;
/** How long a node that leaves has polled. */
const LEAVES_AFTER_MS = 60 * MINUTE_MS;
/** After the last start or leave, before and during the measurement. */
const SETTLING_MS = 180 * MINUTE_MS;
const MEASURED_MS = 180 * MINUTE_MS;
const STEP_MS = 10 * MINUTE_MS;
/** Shares are settled if they are within the bound over this time. */
const SETTLED_WINDOW_MS = 60 * MINUTE_MS;
export const FAIR_WITHIN = 0.2;

const ignore = (): void => undefined;
const SILENT_LOGGER: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore };

/** `leave`: one node more starts with the others, and leaves after an hour. */
export type Course = "together" | "one after another" | "one leaves";

export interface NodesOutcome {
  /** The answered requests of each node during the measurement, relative to equal shares. */
  readonly shares: readonly number[];
  /** Share of all requests that were answered 429 during the measurement. */
  readonly rejectedShare: number;
  /** Answered requests of all nodes per minute during the measurement. */
  readonly perMinute: number;
  /** Mean age of the watched persons on all nodes during the measurement, seconds. */
  readonly meanAge: number;
  /** From the last start or leave until all shares were within the bound; null: never. */
  readonly settledMinutes: number | null;
}

/**
 * Runs the poller, planner and budget of several nodes, which watch the same persons, against one
 * hidden limit. The nodes want more requests than the limit allows.
 */
export async function simulateNodes(
  count: number,
  limitPerMinute: number,
  course: Course,
): Promise<NodesOutcome> {
  const point = { persons: 10_000, pageSize: 100, watched: 50, limit: limitPerMinute };
  const scenario = new Scenario(point, FLAT);
  const clock = new SimulatedClock(scenario.epoch);
  const limit = new HiddenLimit(limitPerMinute);
  const nodes: Node[] = [];
  const startNode = (): void => void nodes.push(new Node(clock, scenario, limit, nodes.length + 1));

  for (let i = 0; i < count; i += 1) {
    if (i > 0 && course === "one after another") {
      await clock.runUntil(clock.monotonic() + START_INTERVAL_MS);
    }
    startNode();
  }
  if (course === "one leaves") {
    startNode();
    await clock.runUntil(LEAVES_AFTER_MS);
    nodes.pop()?.stop();
  }
  const changedAt = clock.monotonic();
  const from = changedAt + SETTLING_MS;
  const until = from + MEASURED_MS;
  const ages: number[] = [];
  let settledMinutes: number | null = null;
  for (let now = changedAt + STEP_MS; now <= until; now += STEP_MS) {
    await clock.runUntil(now);
    const since = Math.max(changedAt, now - SETTLED_WINDOW_MS);
    const isSettled = sharesOf(nodes, since, now).every((s) => Math.abs(s - 1) <= FAIR_WITHIN);
    if (isSettled) settledMinutes ??= (now - changedAt) / MINUTE_MS;
    if (now > from) ages.push(...nodes.map((node) => node.meanAge()));
  }
  const answered = countBetween(nodes, "answeredAt", from, until);
  const rejected = countBetween(nodes, "rejectedAt", from, until);
  return {
    shares: sharesOf(nodes, from, until),
    rejectedShare: rejected / (answered + rejected),
    perMinute: answered / (MEASURED_MS / MINUTE_MS),
    meanAge: mean(ages),
    settledMinutes,
  };
}

class Node {
  readonly service: NodeService;
  readonly #clock: SimulatedClock;
  readonly #roster: WatchedRoster;
  readonly #poller: OrganizationPoller;

  constructor(clock: SimulatedClock, scenario: Scenario, limit: HiddenLimit, seed: number) {
    const random: Random = { random: seededRandom(seed) };
    const budget = new RequestBudget(clock, random, REQUESTS_PER_MINUTE);
    const service = new NodeService(scenario, limit, clock.monotonic());
    this.service = service;
    const people = new SimulatedPeopleApi(clock, service, budget, true);
    this.#clock = clock;
    this.#roster = new WatchedRoster(clock, service, people);
    this.#poller = new OrganizationPoller({
      orgId: "organization",
      people,
      roster: this.#roster,
      budget,
      clock,
      random,
      logger: SILENT_LOGGER,
      grantedScopes: () => [],
    });
    this.#poller.apply({
      pollIntervalSeconds: INTERVAL_MS / 1_000,
      requestsPerMinute: REQUESTS_PER_MINUTE,
      staleAfterSeconds: STALE_AFTER_MS / 1_000,
    });
    this.#poller.start();
  }

  stop(): void {
    void this.#poller.stop();
  }

  /** Of the watched persons' presence, in seconds. */
  meanAge(): number {
    const slots = Array.from({ length: this.#roster.slotLimit }, (_, slot) => slot);
    const now = this.#clock.elapsed();
    return mean(slots.map((slot) => (now - this.#roster.observedElapsedOf(slot)) / 1_000));
  }
}

/** The service as one node sees it. */
class NodeService extends ServiceModel {
  readonly answeredAt: number[] = [];
  readonly rejectedAt: number[] = [];

  override handleRequest(now: number): number {
    const retryAfterMs = super.handleRequest(now);
    (retryAfterMs > 0 ? this.rejectedAt : this.answeredAt).push(now);
    return retryAfterMs;
  }
}

function countBetween(
  nodes: readonly Node[],
  times: "answeredAt" | "rejectedAt",
  from: number,
  until: number,
): number {
  return nodes.flatMap(({ service }) => service[times].filter((at) => at >= from && at < until))
    .length;
}

/** Relative to equal shares. */
function sharesOf(nodes: readonly Node[], from: number, until: number): readonly number[] {
  const counts = nodes.map((node) => countBetween([node], "answeredAt", from, until));
  const equal = mean(counts);
  return counts.map((count) => count / equal);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
