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

export interface NotifierParts {
  readonly channel: Channel;
  readonly presence: PresenceService;
  readonly authorization: AuthorizationService;
  readonly status: StatusSource;
  readonly clock: Clock;
}

const CHANGES_A_NOTIFICATION = 500;
/** After so many in a row the event loop gets its turn, and a peer that stopped reading is noticed. */
const NOTIFICATIONS_A_TURN = 8;
const STATUS_INTERVAL_MS = 1_000;
/** What belongs together changes within this time, and is told once. */
const STATUS_SETTLES_MS = 1;

/**
 * Tells the host what changed, only while it reads: what waits meanwhile is kept once, in its latest state, so that a host that
 * stops reading costs no memory. Everything is sent from a timer, so never before the answer to the request that caused it:
 * an answer is written in the turn in which its handler ends.
 */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #disposers: Disposer[] = [];
  #sequence = 0;
  #running = false;
  #changesTimer: Disposer | null = null;
  #authorization: Parameters<typeof authorizationChangedParams>[0] | null = null;
  #statusTimer: Disposer | null = null;
  #statusTold = "";
  #statusToldAt = -Infinity;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  start(): void {
    const { channel, presence, authorization, status } = this.#parts;
    this.#running = true;
    this.#statusTold = essenceOf(status.current());
    this.#disposers.push(
      presence.events.on("changesPending", () => this.#tellChangesSoon()),
      authorization.events.on("authorizationsChanged", (change) => {
        this.#authorization = change;
        this.#tellAuthorization();
      }),
      status.events.on("statusChanged", () => this.#tellStatusSoon()),
      channel.events.on("drained", () => {
        this.#tellChangesSoon();
        this.#tellAuthorization();
        this.#tellStatusSoon();
      }),
    );
  }

  /** Nothing is told after it. Idempotent. */
  stop(): void {
    this.#running = false;
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#changesTimer?.();
    this.#changesTimer = null;
    this.#statusTimer?.();
    this.#statusTimer = null;
    this.#authorization = null;
  }

  #tellChangesSoon(): void {
    if (!this.#running) return;
    this.#changesTimer ??= this.#parts.clock.timer(0, () => {
      this.#changesTimer = null;
      this.#tellChanges();
    });
  }

  #tellChanges(): void {
    const { channel, presence } = this.#parts;
    for (let sent = 0; sent < NOTIFICATIONS_A_TURN; sent += 1) {
      if (channel.congested) return;
      const batch = presence.takeChanges(CHANGES_A_NOTIFICATION);
      if (batch === null) return;
      this.#sequence += 1;
      channel.notify("presence/changed", {
        subscriptionIds: batch.subscriptionIds,
        sequence: this.#sequence,
        changes: batch.changes,
      });
    }
    this.#tellChangesSoon();
  }

  /** At once while the host reads: each step of a flow is worth telling; the last one alone where it does not. */
  #tellAuthorization(): void {
    const change = this.#authorization;
    if (!this.#running || change === null || this.#parts.channel.congested) return;
    this.#authorization = null;
    this.#parts.channel.notify("authorization/changed", authorizationChangedParams(change));
  }

  #tellStatusSoon(): void {
    if (!this.#running || this.#statusTimer !== null) return;
    const { clock } = this.#parts;
    const wait = Math.max(STATUS_SETTLES_MS, this.#statusToldAt + STATUS_INTERVAL_MS - clock.monotonic());
    this.#statusTimer = clock.timer(wait, () => {
      this.#statusTimer = null;
      this.#tellStatus();
    });
  }

  #tellStatus(): void {
    const { channel, status, clock } = this.#parts;
    if (channel.congested) return;
    const now = status.current();
    const essence = essenceOf(now);
    if (essence === this.#statusTold) return;
    this.#statusTold = essence;
    this.#statusToldAt = clock.monotonic();
    channel.notify("worker/statusChanged", now);
  }
}

function essenceOf(status: WorkerStatus): string {
  return JSON.stringify([status.phase, status.problems]);
}
