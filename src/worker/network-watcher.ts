import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { ReadAddresses } from "../ports/http.js";
import type { Logger } from "../ports/logger.js";

export interface NetworkWatcherOptions {
  readonly readAddresses: ReadAddresses;
  /** Whether there is an organization that is polled without success. */
  readonly isFailing: () => boolean;
  /** Polls at once, on new connections. */
  readonly retry: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CHECK_INTERVAL_MS = 2_000;
/** Addresses are read less often while Webex answers: on Windows, that takes milliseconds. */
const CHECKS_PER_READING = 15;
/** A shorter suspension leaves connections alive, as does a correction of the wall clock. */
const MIN_DISCONNECTING_SUSPENSION_MS = 10_000;
/** A failure that shows within this time after a change of addresses may be due to it. */
const CHANGE_RETENTION_MS = 30_000;
/**
 * An interface that comes and goes may be none that leads to Webex, and a clock that goes to and
 * fro looks like suspensions. Each retry abandons requests that may be about to succeed, and begins
 * the backoff again.
 */
const MIN_RETRY_INTERVAL_MS = 60_000;

/**
 * Notices that the machine has another network, or was suspended: connections are dead then, and a
 * delay after failures has lost its reason.
 */
export class NetworkWatcher {
  readonly #options: NetworkWatcherOptions;
  #cancelTimer: Disposer | null = null;
  #suspendedMs = 0;
  #addresses: string | null = null;
  #checks = 0;
  /** Of the latest retry. */
  #retriedAt = Number.NEGATIVE_INFINITY;
  /** Of the latest change that has not led to a retry. */
  #changedAt = Number.NEGATIVE_INFINITY;

  constructor(options: NetworkWatcherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#suspendedMs = this.#readSuspendedMs();
    this.#schedule();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #schedule(): void {
    this.#cancelTimer = this.#options.clock.schedule(CHECK_INTERVAL_MS, () => {
      this.#schedule();
      this.#check();
    });
  }

  #check(): void {
    const { clock, isFailing, logger, retry } = this.#options;
    const suspendedMs = this.#readSuspendedMs();
    const wasSuspended = suspendedMs - this.#suspendedMs >= MIN_DISCONNECTING_SUSPENSION_MS;
    this.#suspendedMs = suspendedMs;
    const now = clock.monotonic();
    const mayRetry = now - this.#retriedAt >= MIN_RETRY_INTERVAL_MS;
    if (wasSuspended && mayRetry) {
      this.#retriedAt = now;
      logger.info("The machine was suspended, or its clock was set forward. Polling Webex now.");
      retry();
      return;
    }
    const isNeeded = isFailing();
    if (isNeeded || this.#checks % CHECKS_PER_READING === 0) this.#compareAddresses();
    this.#checks += 1;
    if (!isNeeded || !mayRetry || now - this.#changedAt > CHANGE_RETENTION_MS) return;
    this.#changedAt = Number.NEGATIVE_INFINITY;
    this.#retriedAt = now;
    logger.info("The network addresses of this machine have changed. Trying Webex again now.");
    retry();
  }

  #compareAddresses(): void {
    let addresses: string;
    try {
      addresses = this.#options.readAddresses().join(" ");
    } catch {
      return;
    }
    const isChange = this.#addresses !== null && this.#addresses !== addresses;
    if (isChange) this.#changedAt = this.#options.clock.monotonic();
    this.#addresses = addresses;
  }

  #readSuspendedMs(): number {
    const { clock } = this.#options;
    return clock.elapsed() - clock.monotonic();
  }
}
