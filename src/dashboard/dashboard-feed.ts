import type { FlowView } from "../authorization/flow.js";
import type { Disposer } from "../faults/emitter.js";
import { toPrintableJson } from "../faults/foreign-text.js";
import type { Clock } from "../ports/clock.js";
import type {
  DashboardEvent,
  DashboardFlow,
  DashboardSample,
  DashboardStatus,
} from "./dashboard-model.js";
import type { DashboardServices } from "./dashboard-services.js";

/** The shortest time between two events of a kind. */
const MIN_INTERVAL_MS = 1_000;
/** Counters and ages change without an event of the worker. */
const REFRESH_INTERVAL_MS = 5_000;

type Send = (data: string) => void;

/** Sends open pages what changes. Without a page, it does nothing. */
export class DashboardFeed {
  readonly #services: DashboardServices;
  readonly #clock: Clock;
  readonly #connections = new Set<Send>();
  #disposers: Disposer[] = [];
  #cancelTick: Disposer | null = null;
  #cancelSoon: Disposer | null = null;
  #hasStatusChanged = false;
  #statusSentAt = Number.NEGATIVE_INFINITY;
  #sentPeopleVersion = -1;

  constructor(services: DashboardServices, clock: Clock) {
    this.#services = services;
    this.#clock = clock;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sends the present state, and then what changes, until it is disposed of. */
  connect(send: Send): Disposer {
    // Listeners of the same function are one connection each.
    const connection: Send = (data) => send(data);
    this.#connections.add(connection);
    if (this.#connections.size === 1) this.#start();
    connection(format({ kind: "status", ...this.#status() }));
    connection(format(this.#people()));
    return () => {
      if (this.#connections.delete(connection) && this.#connections.size === 0) this.#stop();
    };
  }

  sendSample(sample: DashboardSample): void {
    this.#send({ kind: "sample", sample });
  }

  /** Has the pages ask for people once more, because they got outdated ones. */
  repeatPeople(): void {
    this.#sentPeopleVersion = -1;
  }

  #start(): void {
    const { status, authorization } = this.#services;
    const changed = (): void => this.#handleChange();
    this.#disposers = [
      status.events.on("statusChanged", changed),
      authorization.events.on("authorizationsChanged", changed),
    ];
    this.#statusSentAt = this.#clock.monotonic();
    this.#sentPeopleVersion = this.#services.presence.peopleVersion;
    this.#scheduleTick();
  }

  #stop(): void {
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#cancelTick?.();
    this.#cancelSoon?.();
    this.#cancelSoon = null;
    this.#hasStatusChanged = false;
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#clock.schedule(MIN_INTERVAL_MS, () => {
      this.#scheduleTick();
      const sinceStatusMs = this.#clock.monotonic() - this.#statusSentAt;
      if (this.#hasStatusChanged || sinceStatusMs >= REFRESH_INTERVAL_MS) this.#sendStatus();
      const { peopleVersion } = this.#services.presence;
      if (peopleVersion === this.#sentPeopleVersion) return;
      this.#sentPeopleVersion = peopleVersion;
      this.#send(this.#people());
    });
  }

  /** Once for everything that changes in a turn; within a second of the last time, by the tick. */
  #handleChange(): void {
    this.#hasStatusChanged = true;
    if (this.#clock.monotonic() - this.#statusSentAt < MIN_INTERVAL_MS) return;
    this.#cancelSoon ??= this.#clock.endOfTurn(() => {
      this.#cancelSoon = null;
      this.#sendStatus();
    });
  }

  #sendStatus(): void {
    this.#hasStatusChanged = false;
    this.#statusSentAt = this.#clock.monotonic();
    this.#send({ kind: "status", ...this.#status() });
  }

  #send(event: DashboardEvent): void {
    if (this.#connections.size === 0) return;
    const data = format(event);
    for (const connection of [...this.#connections]) connection(data);
  }

  #status(): DashboardStatus {
    const { status, authorization } = this.#services;
    const { authorizations, flow } = authorization.current();
    return {
      now: new Date(this.#clock.now()).toISOString(),
      status: status.current(),
      authorizations,
      flow: flow === null ? null : describeFlow(flow),
    };
  }

  #people(): DashboardEvent {
    const { peopleVersion: version, personCount: total } = this.#services.presence;
    return { kind: "people", version, total };
  }
}

function format(event: DashboardEvent): string {
  return toPrintableJson(event);
}

/** Null if there is nothing to open. */
export function describeFlow(flow: FlowView): DashboardFlow | null {
  const { method, userCode, expiresAt } = flow;
  const url = flow.url ?? flow.verificationUriComplete ?? flow.verificationUri;
  return url === null || expiresAt === null ? null : { method, url, userCode, expiresAt };
}
