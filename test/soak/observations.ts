import { processUsage, type ProcessUsage } from "../support/process-usage-fixture.js";
import type { Decision, SoakEvent, SoakRequest, SoakStatus } from "./messages.js";
import type { FaultView } from "./soak-fault.js";

const SAMPLE_MS = 1_000;
/** A worker that has said nothing for so long is not running, or nobody reads what it says. */
const HEARD_MS = 1_500;

export interface Sample extends ProcessUsage {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly pid: number;
}

interface At<T> {
  readonly at: number;
  readonly value: T;
}

/** Everything that was seen of a worker, with its time in epoch milliseconds. */
export class Observations {
  readonly statuses: At<SoakStatus>[] = [];
  readonly log: At<string>[] = [];
  readonly requests: SoakRequest[] = [];
  readonly starts: At<number>[] = [];
  readonly exits: At<string>[] = [];
  readonly protocolErrors: string[] = [];
  readonly decisions: Decision[] = [];
  readonly samples: Sample[] = [];
  stalledMs = 0;
  #timer: NodeJS.Timeout | null = null;

  /** The present worker's process id; 0 before the first. */
  get pid(): number {
    return this.starts.at(-1)?.value ?? 0;
  }

  get isHeard(): boolean {
    return Date.now() - (this.statuses.at(-1)?.at ?? 0) < HEARD_MS;
  }

  take(event: SoakEvent): void {
    if (event.type === "status") this.statuses.push({ at: event.at, value: event.status });
    else if (event.type === "log") this.log.push({ at: event.at, value: event.line });
    else if (event.type === "requests") this.requests.push(...event.requests);
    else if (event.type === "workerStarted") this.starts.push({ at: event.at, value: event.pid });
    else if (event.type === "workerExited") this.exits.push({ at: event.at, value: event.exit });
    else if (event.type === "protocolError") this.protocolErrors.push(event.message);
    else if (event.type === "stall") this.stalledMs += event.to - event.from;
    else if (event.type === "decision") this.decisions.push(event);
  }

  /** Measures the present worker's process until `stop`. */
  startSampling(): void {
    this.#timer = setInterval(() => {
      const usage = this.pid === 0 ? null : processUsage(this.pid);
      // A process that ends has no memory any more.
      if (usage === null || usage.residentBytes === 0) return;
      this.samples.push({ ...usage, time: Date.now(), pid: this.pid });
    }, SAMPLE_MS);
  }

  stopSampling(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  viewSince(since: number): FaultView {
    const status = this.statuses.at(-1);
    return {
      status: status !== undefined && status.at > since ? status.value : null,
      log: this.log.filter(({ at }) => at >= since).map(({ value }) => value),
      requests: this.requests.filter(({ at }) => at >= since),
      hasStarted: this.starts.some(({ at }) => at > since),
    };
  }
}
