import { type Disposer, Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { OrganizationStatus } from "../supervisor/status.js";
import type { DashboardHistory, DashboardSample } from "./dashboard-model.js";
import type { DashboardServices } from "./dashboard-services.js";

const INTERVAL_MS = 10_000;
const MAX_SAMPLES = 360;
const INTERVALS_PER_MINUTE = 60_000 / INTERVAL_MS;

/** Counters at the time of a sample, from which the rates of the next minute are computed. */
interface Totals {
  readonly rateLimited: number;
  readonly statusChanges: number;
}

/** The last hour, sampled every 10 s while it runs. */
export class History {
  readonly events = new Emitter<{ readonly sampleTaken: DashboardSample }>();
  readonly #services: DashboardServices;
  readonly #clock: Clock;
  #samples: DashboardSample[] = [];
  /** Of the last minute, the oldest first. */
  #totals: Totals[] = [];

  constructor(services: DashboardServices, clock: Clock) {
    this.#services = services;
    this.#clock = clock;
  }

  /** Takes a sample now and every 10 s. */
  start(): Disposer {
    let cancel: Disposer = () => undefined;
    const take = (): void => {
      cancel = this.#clock.schedule(INTERVAL_MS, take);
      this.#takeSample();
    };
    take();
    return () => cancel();
  }

  current(): DashboardHistory {
    return { intervalSeconds: INTERVAL_MS / 1_000, samples: this.#samples };
  }

  #takeSample(): void {
    const { status, presence } = this.#services;
    const { organizations } = status.current();
    const totals = {
      rateLimited: sum(organizations, ({ requests }) => requests.rateLimited),
      statusChanges: presence.statusChanges,
    };
    const [minuteAgo = totals] = this.#totals;
    const sample: DashboardSample = {
      at: Math.round(this.#clock.now() / 1_000),
      requestsPerMinute: sum(organizations, ({ requests }) => requests.lastMinute),
      // An organization that was removed takes its counter along.
      rateLimitedPerMinute: Math.max(0, totals.rateLimited - minuteAgo.rateLimited),
      watchedAgeP50: greatest(organizations.map(({ ageSeconds }) => ageSeconds.watchedP50)),
      watchedAgeP95: greatest(organizations.map(({ ageSeconds }) => ageSeconds.watchedP95)),
      sweepSeconds: greatest(organizations.map(({ lastSweep }) => lastSweep?.seconds ?? null)),
      changesPerMinute: totals.statusChanges - minuteAgo.statusChanges,
    };
    this.#totals = [...this.#totals, totals].slice(-INTERVALS_PER_MINUTE);
    // Plots need ascending times, also where the system's time was corrected backward.
    const earlier = this.#samples.filter(({ at }) => at < sample.at);
    this.#samples = [...earlier, sample].slice(-MAX_SAMPLES);
    this.events.emit("sampleTaken", sample);
  }
}

function sum(
  organizations: readonly OrganizationStatus[],
  count: (organization: OrganizationStatus) => number,
): number {
  return organizations.reduce((total, organization) => total + count(organization), 0);
}

/** Percentiles of several organizations cannot be combined, so that of the worst one is shown. */
function greatest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
