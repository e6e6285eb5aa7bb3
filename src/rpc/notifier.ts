import type { Disposer, Subscribable } from "../faults/emitter.js";
import type { AuthorizationChange } from "../authorization/flow.js";
import type { AuthorizationService } from "../authorization/authorizations.js";
import type { Authorization } from "../authorization/grant.js";
import type { Channel } from "../ports/channel.js";
import type { Clock } from "../ports/clock.js";
import type { PresenceService } from "../presence/presence-service.js";
import type { StatusEvents, WorkerStatus } from "../supervisor/status.js";

export interface NotifierOptions {
  readonly channel: Channel;
  readonly presence: PresenceService;
  readonly authorization: AuthorizationService;
  /** The source of `worker/status` and `worker/statusChanged`. */
  readonly status: { current(): WorkerStatus; readonly events: Subscribable<StatusEvents> };
  readonly clock: Clock;
}

const MAX_CHANGES_PER_NOTIFICATION = 500;
/** Then the event loop continues, so that the channel notices a host that has stopped reading. */
const MAX_NOTIFICATIONS_PER_TURN = 8;
const STATUS_INTERVAL_MS = 1_000;
/** Changes of the status within this time are one notification. */
const STATUS_DEBOUNCE_MS = 1;

/**
 * Notifies the host, but only while it reads: meanwhile each pending change is kept once, in its
 * latest state, so that a host that stops reading costs no memory. Notifications are sent from a
 * timer and so never precede the response to the request that caused them: the channel writes a
 * response in the turn of the event loop in which the request's handler settles.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #disposers: Disposer[] = [];
  #isRunning = false;
  #sequence = 0;
  readonly #authorizationChanges: AuthorizationChange[] = [];
  #cancelSend: Disposer | null = null;
  #cancelSendStatus: Disposer | null = null;
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
      presence.events.on("changesPending", () => this.#scheduleSend()),
      authorization.events.on("authorizationsChanged", (change) => {
        this.#authorizationChanges.push(change);
        this.#scheduleSend();
      }),
      status.events.on("statusChanged", () => this.#scheduleSendStatus()),
      channel.events.on("drained", () => {
        this.#scheduleSend();
        this.#scheduleSendStatus();
      }),
    );
  }

  /** Sends nothing afterwards. Idempotent. */
  stop(): void {
    this.#isRunning = false;
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#cancelSend?.();
    this.#cancelSendStatus?.();
  }

  #scheduleSend(): void {
    if (!this.#isRunning) return;
    this.#cancelSend ??= this.#options.clock.schedule(0, () => {
      this.#cancelSend = null;
      this.#sendAuthorizations();
      this.#sendPresence();
    });
  }

  /** Each step of a flow is one notification; a host that did not read gets the last step only. */
  #sendAuthorizations(): void {
    const { channel } = this.#options;
    const changes = this.#authorizationChanges;
    if (channel.isCongested) changes.splice(0, changes.length - 1);
    while (!channel.isCongested) {
      const change = changes.shift();
      if (change === undefined) return;
      channel.notify("authorization/changed", authorizationChangedParams(change));
    }
  }

  #sendPresence(): void {
    const { channel, presence } = this.#options;
    for (let sent = 0; sent < MAX_NOTIFICATIONS_PER_TURN; sent += 1) {
      if (channel.isCongested) return;
      const batch = presence.drainChanges(MAX_CHANGES_PER_NOTIFICATION);
      if (batch === null) return;
      const { subscriptionIds, changes } = batch;
      this.#sequence += 1;
      channel.notify("presence/changed", { subscriptionIds, sequence: this.#sequence, changes });
    }
    this.#scheduleSend();
  }

  #scheduleSendStatus(): void {
    if (!this.#isRunning) return;
    const { clock } = this.#options;
    const nextAllowedIn = this.#lastStatusSentAt + STATUS_INTERVAL_MS - clock.monotonic();
    const delayMs = Math.max(STATUS_DEBOUNCE_MS, nextAllowedIn);
    this.#cancelSendStatus ??= clock.schedule(delayMs, () => {
      this.#cancelSendStatus = null;
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

function changeKey({ phase, problems }: WorkerStatus): string {
  return JSON.stringify([phase, problems]);
}

// Results are copied member by member: the protocol never exposes what a grant or a flow may come
// to hold beyond its documented members.

export function authorizationResult(authorization: Authorization): Authorization {
  return {
    orgId: authorization.orgId,
    orgName: authorization.orgName,
    authorizedBy: authorization.authorizedBy,
    scopes: authorization.scopes,
    grantedAt: authorization.grantedAt,
    accessTokenExpiresAt: authorization.accessTokenExpiresAt,
    refreshTokenExpiresAt: authorization.refreshTokenExpiresAt,
    state: authorization.state,
  };
}

function authorizationChangedParams(change: AuthorizationChange): Record<string, unknown> {
  const authorizations = change.authorizations.map(authorizationResult);
  if (change.flow === null) return { authorizations, flow: null };
  const { method, url, verificationUri, userCode, expiresAt, state, message } = change.flow;
  const flow = { method, url, verificationUri, userCode, expiresAt, state, message };
  return { authorizations, flow };
}
