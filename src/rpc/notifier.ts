import type { Disposer, Subscribable } from "../faults/emitter.js";
import type { AuthorizationService } from "../authorization/authorization-service.js";
import type { Channel } from "../ports/channel.js";
import type { Clock } from "../ports/clock.js";
import type { PresenceService } from "../presence/presence-service.js";
import type { StatusEvents, WorkerStatus } from "../supervisor/status.js";
import { authorizationChangedParams } from "./authorization-results.js";

/** What `worker/status` and `worker/statusChanged` tell. */
export interface StatusSource {
  current(): WorkerStatus;
  readonly events: Subscribable<StatusEvents>;
}

export interface NotifierOptions {
  readonly channel: Channel;
  readonly presence: PresenceService;
  readonly authorization: AuthorizationService;
  readonly status: StatusSource;
  readonly clock: Clock;
}

const MAX_CHANGES_PER_NOTIFICATION = 500;
/** After so many in a row the event loop gets its turn, and a peer that stopped reading is noticed. */
const MAX_NOTIFICATIONS_PER_TURN = 8;
const STATUS_INTERVAL_MS = 1_000;
/** What belongs together changes within this time, and is told once. */
const STATUS_DEBOUNCE_MS = 1;

/**
 * Tells the host what changed, only while it reads: what waits meanwhile is kept once, in its latest state, so that a host that
 * stops reading costs no memory. Everything is sent from a timer, so never before the answer to the request that caused it:
 * an answer is written in the turn in which its handler ends.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #disposers: Disposer[] = [];
  #sequence = 0;
  #isRunning = false;
  #cancelChangesTimer: Disposer | null = null;
  #authorization: Parameters<typeof authorizationChangedParams>[0] | null = null;
  #cancelStatusTimer: Disposer | null = null;
  #lastStatusKey = "";
  #lastStatusSentAt = -Infinity;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  start(): void {
    const { channel, presence, authorization, status } = this.#options;
    this.#isRunning = true;
    this.#lastStatusKey = changeKey(status.current());
    this.#disposers.push(
      presence.events.on("changesPending", () => this.#scheduleChanges()),
      authorization.events.on("authorizationsChanged", (change) => {
        this.#authorization = change;
        this.#sendAuthorization();
      }),
      status.events.on("statusChanged", () => this.#scheduleStatus()),
      channel.events.on("drained", () => {
        this.#scheduleChanges();
        this.#sendAuthorization();
        this.#scheduleStatus();
      }),
    );
  }

  /** Nothing is told after it. Idempotent. */
  stop(): void {
    this.#isRunning = false;
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#cancelChangesTimer?.();
    this.#cancelChangesTimer = null;
    this.#cancelStatusTimer?.();
    this.#cancelStatusTimer = null;
    this.#authorization = null;
  }

  #scheduleChanges(): void {
    if (!this.#isRunning) return;
    this.#cancelChangesTimer ??= this.#options.clock.schedule(0, () => {
      this.#cancelChangesTimer = null;
      this.#sendChanges();
    });
  }

  #sendChanges(): void {
    const { channel, presence } = this.#options;
    for (let sent = 0; sent < MAX_NOTIFICATIONS_PER_TURN; sent += 1) {
      if (channel.isCongested) return;
      const batch = presence.drainChanges(MAX_CHANGES_PER_NOTIFICATION);
      if (batch === null) return;
      this.#sequence += 1;
      channel.notify("presence/changed", {
        subscriptionIds: batch.subscriptionIds,
        sequence: this.#sequence,
        changes: batch.changes,
      });
    }
    this.#scheduleChanges();
  }

  /** At once while the host reads: each step of a flow is worth telling; the last one alone where it does not. */
  #sendAuthorization(): void {
    const change = this.#authorization;
    if (!this.#isRunning || change === null || this.#options.channel.isCongested) return;
    this.#authorization = null;
    this.#options.channel.notify("authorization/changed", authorizationChangedParams(change));
  }

  #scheduleStatus(): void {
    if (!this.#isRunning || this.#cancelStatusTimer !== null) return;
    const { clock } = this.#options;
    const delayMs = Math.max(
      STATUS_DEBOUNCE_MS,
      this.#lastStatusSentAt + STATUS_INTERVAL_MS - clock.monotonic(),
    );
    this.#cancelStatusTimer = clock.schedule(delayMs, () => {
      this.#cancelStatusTimer = null;
      this.#sendStatus();
    });
  }

  #sendStatus(): void {
    const { channel, status, clock } = this.#options;
    if (channel.isCongested) return;
    const current = status.current();
    const key = changeKey(current);
    if (key === this.#lastStatusKey) return;
    this.#lastStatusKey = key;
    this.#lastStatusSentAt = clock.monotonic();
    channel.notify("worker/statusChanged", current);
  }
}

function changeKey(status: WorkerStatus): string {
  return JSON.stringify([status.phase, status.problems]);
}
