import type { Disposer, Subscribable } from "../faults/emitter.js";
import type { AuthorizationChange } from "../authorization/flow.js";
import type { AuthorizationService } from "../authorization/authorizations.js";
import type { Authorization } from "../authorization/grant.js";
import type { Channel } from "../ports/channel.js";
import type { Clock } from "../ports/clock.js";
import type { PresenceService } from "../presence/presence-service.js";
import type { StatusEvents, WorkerStatus } from "../supervisor/status.js";

/** The source of `worker/status` and `worker/statusChanged`. */
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
  #authorizationChanges: AuthorizationChange[] = [];
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
        this.#keepLatestIfCongested();
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
    this.#cancelSend = null;
    this.#cancelSendStatus?.();
    this.#cancelSendStatus = null;
    this.#authorizationChanges = [];
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
    this.#keepLatestIfCongested();
    while (!channel.isCongested) {
      const change = this.#authorizationChanges.shift();
      if (change === undefined) return;
      channel.notify("authorization/changed", authorizationChangedParams(change));
    }
  }

  #keepLatestIfCongested(): void {
    if (this.#options.channel.isCongested)
      this.#authorizationChanges.splice(0, this.#authorizationChanges.length - 1);
  }

  #sendPresence(): void {
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
    this.#scheduleSend();
  }

  #scheduleSendStatus(): void {
    if (!this.#isRunning || this.#cancelSendStatus !== null) return;
    const { clock } = this.#options;
    const nextAllowedIn = this.#lastStatusSentAt + STATUS_INTERVAL_MS - clock.monotonic();
    this.#cancelSendStatus = clock.schedule(Math.max(STATUS_DEBOUNCE_MS, nextAllowedIn), () => {
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
  const {
    orgId,
    orgName,
    authorizedBy,
    scopes,
    grantedAt,
    accessTokenExpiresAt,
    refreshTokenExpiresAt,
    state,
  } = authorization;
  return {
    orgId,
    orgName,
    authorizedBy,
    scopes,
    grantedAt,
    accessTokenExpiresAt,
    refreshTokenExpiresAt,
    state,
  };
}

function authorizationChangedParams({
  authorizations,
  flow,
}: AuthorizationChange): Record<string, unknown> {
  const copied = authorizations.map(authorizationResult);
  if (flow === null) return { authorizations: copied, flow };
  const { method, url, verificationUri, userCode, expiresAt, state, message } = flow;
  return {
    authorizations: copied,
    flow: { method, url, verificationUri, userCode, expiresAt, state, message },
  };
}
