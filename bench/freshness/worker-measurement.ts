import type { Random } from "../../src/ports/clock.js";
import type { Logger } from "../../src/ports/logger.js";
import type { LearnedFacts } from "../../src/polling/learned-facts.js";
import { OrganizationPoller } from "../../src/polling/organization-poller.js";
import { RequestBudget } from "../../src/polling/request-budget.js";
import { seededRandom } from "../../simulator/random.js";
import { INTERVAL_MS, type Scenario, STALE_AFTER_MS, START_MS } from "./scenario.js";
import { HiddenLimit, type Outcome, ServiceModel, type StartAges } from "./service-model.js";
import { SimulatedClock } from "./simulated-clock.js";
import { SimulatedPeopleApi } from "./simulated-people-api.js";
import { WatchedRoster } from "./watched-roster.js";

const ignore = (): void => undefined;
const SILENT_LOGGER: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore };
/** The maximum of the setting, so that the worker has to find the limit itself. */
const MAX_REQUESTS_PER_MINUTE = 600;

export interface WorkerOptions {
  /** The setting. */
  readonly requestsPerMinute?: number;
  /** Whether Webex answers an old link with the same page or rejects it. */
  readonly honorsOldLinks?: boolean;
}

export interface WorkerOutcome extends Outcome {
  /** After a restart at the end of the measurement, with what the worker has learned until then. */
  readonly afterRestart: StartAges;
}

/**
 * Runs the worker's poller, planner and budget against the service model, with a roster of the
 * watched persons, all of whom are watched from the start.
 */
export async function measureWorker(
  scenario: Scenario,
  { requestsPerMinute = MAX_REQUESTS_PER_MINUTE, honorsOldLinks = true }: WorkerOptions = {},
): Promise<WorkerOutcome> {
  const clock = new SimulatedClock(scenario.epoch);
  const random: Random = { random: seededRandom(7) };
  const limit = new HiddenLimit(scenario.point.limit);

  const launch = (service: ServiceModel, learned: LearnedFacts | null): OrganizationPoller => {
    const learnedLimit = learned?.requestsPerMinute ?? null;
    const acceptedPerMinute = learned?.acceptedPerMinute ?? null;
    const known = { acceptedPerMinute };
    const budget = new RequestBudget(clock, random, requestsPerMinute, learnedLimit, known);
    const people = new SimulatedPeopleApi(clock, service, budget, honorsOldLinks);
    const roster = new WatchedRoster(clock, service, people);
    const poller = new OrganizationPoller({
      orgId: "organization",
      people,
      onDemandPeople: people,
      roster,
      budget,
      learned,
      clock,
      random,
      logger: SILENT_LOGGER,
      grantedScopes: () => [],
    });
    poller.apply({
      pollIntervalSeconds: INTERVAL_MS / 1_000,
      requestsPerMinute,
      staleAfterSeconds: STALE_AFTER_MS / 1_000,
    });
    poller.start();
    return poller;
  };

  const service = new ServiceModel(scenario, limit);
  const poller = launch(service, null);
  await clock.runUntil(scenario.endMs);
  const learned = poller.learned();
  await stop(poller, clock);
  const restarted = new ServiceModel(scenario, limit, clock.monotonic());
  const successor = launch(restarted, learned);
  await clock.runUntil(clock.monotonic() + START_MS);
  await stop(successor, clock);
  return { ...service.outcome(), afterRestart: restarted.startAges() };
}

/** Lets the request in flight end, which takes seconds of simulated time. */
async function stop(poller: OrganizationPoller, clock: SimulatedClock): Promise<void> {
  void poller.stop();
  await clock.runUntil(clock.monotonic() + 10_000);
}
