import { Emitter } from "../faults/emitter.js";
import { asFault, type Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { DeviceAuthorization, TokenResponse } from "../webex/oauth.js";
import {
  delay,
  storeGrant,
  type Flow,
  type FlowEvents,
  type FlowState,
  type FlowView,
  type GrantSink,
} from "./flow.js";
import { REQUIRED_SCOPES } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { cancelled } from "./shared-task.js";

export interface DeviceFlowOptions {
  /** Returns the current context. Called once, at the start. Throws `clientNotConfigured`. */
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** RFC 8628, 3.5: `slow_down` adds five seconds to this and all later intervals. */
const SLOW_DOWN_MS = 5_000;
const MAX_WAIT_MS = 60_000;
const MIN_INTERVAL_MS = 1_000;
/** How long issued tokens stay in memory while the keychain or Webex is unavailable. */
const STORE_TIMEOUT_MS = 600_000;

interface Outcome {
  readonly state: FlowState;
  readonly message: string | null;
}

/**
 * Authorization on another device (RFC 8628). A person types the user code at Webex, and the flow
 * polls for the tokens until the code is used, declined or expired.
 */
export class DeviceFlow implements Flow {
  readonly method = "device";
  readonly events = new Emitter<FlowEvents>();
  readonly #options: DeviceFlowOptions;
  readonly #abort = new AbortController();
  #code: DeviceAuthorization | null = null;
  #expiresAt: string | null = null;
  #deadline = 0;
  #outcome: Outcome = { state: "waiting", message: null };
  #isOpen = false;
  #polling: Promise<void> = Promise.resolve();

  constructor(options: DeviceFlowOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get view(): FlowView {
    return {
      method: "device",
      url: null,
      redirectUri: null,
      verificationUri: this.#code?.verificationUri ?? null,
      verificationUriComplete: this.#code?.verificationUriComplete ?? null,
      userCode: this.#code?.userCode ?? null,
      expiresAt: this.#expiresAt,
      ...this.#outcome,
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { clock, logger } = this.#options;
    const context = this.#options.oauthContext();
    const either = AbortSignal.any([signal, this.#abort.signal]);
    const scope = REQUIRED_SCOPES.join(" ");
    const code = await context.oauth.authorizeDevice(context.client, scope, either);
    if (either.aborted) throw cancelled();
    this.#code = code;
    this.#deadline = clock.monotonic() + code.expiresInSeconds * 1_000;
    this.#expiresAt = new Date(clock.now() + code.expiresInSeconds * 1_000).toISOString();
    this.#isOpen = true;
    const { verificationUri, userCode } = code;
    logger.info("To authorize, open the address on any device and enter the code.", {
      verificationUri,
      userCode,
      expiresAt: this.#expiresAt,
    });
    this.#polling = this.#run(context, code);
    return this.view;
  }

  async stop(reason = "The authorization was cancelled."): Promise<void> {
    this.#abort.abort();
    this.#end({ state: "cancelled", message: reason });
    await this.#polling;
  }

  async #run(context: OAuthContext, code: DeviceAuthorization): Promise<void> {
    try {
      const tokens = await this.#poll(context, code);
      if (tokens !== null) await this.#store(context, tokens);
    } catch (thrown) {
      if (this.#abort.signal.aborted) return;
      this.#fail(asFault(thrown));
    }
  }

  /** Returns the tokens, or null if the flow ended without them. */
  async #poll(
    { oauth, client }: OAuthContext,
    code: DeviceAuthorization,
  ): Promise<TokenResponse | null> {
    const { clock, logger } = this.#options;
    const signal = this.#abort.signal;
    let intervalMs = Math.max(MIN_INTERVAL_MS, code.intervalSeconds * 1_000);
    let waitMs = intervalMs;
    for (;;) {
      await delay(clock, Math.min(waitMs, Math.max(0, this.#deadline - clock.monotonic())), signal);
      if (clock.monotonic() >= this.#deadline) return this.#expire();
      try {
        const poll = await oauth.pollDeviceToken(client, code.deviceCode, signal);
        if (poll.kind === "authorized") return poll.tokens;
        if (signal.aborted) return null;
        if (poll.kind === "expired") return this.#expire();
        if (poll.kind === "denied") return this.#deny();
        if (poll.kind === "slowDown") intervalMs += SLOW_DOWN_MS;
        waitMs = intervalMs;
      } catch (thrown) {
        const fault = asFault(thrown);
        if (signal.aborted || fault.kind !== "transient") throw fault;
        if (fault.code === "rateLimited") intervalMs += SLOW_DOWN_MS;
        // RFC 8628, 3.5: after a connection timeout, the client backs off exponentially.
        waitMs = Math.max(intervalMs, Math.min(waitMs * 2, MAX_WAIT_MS), fault.retryAfterMs ?? 0);
        logger.debug("Polling for the tokens of a device code failed. The worker tries again.", {
          fault: fault.code,
          waitMs,
        });
      }
    }
  }

  async #store(context: OAuthContext, tokens: TokenResponse): Promise<void> {
    const { grantSink, clock, logger } = this.#options;
    const deadline = clock.monotonic() + STORE_TIMEOUT_MS;
    const onRetry = ({ message }: Fault): void => {
      this.#setOutcome({
        state: "waiting",
        message: `${message} The worker stores the authorization as soon as this is resolved.`,
      });
    };
    const authorization = await storeGrant(
      context,
      tokens,
      { grantSink, clock, logger, deadline, onRetry },
      this.#abort.signal,
    );
    logger.info("An organization was authorized.", {
      method: "device",
      orgId: authorization.orgId,
    });
    this.#end({ state: "authorized", message: `${authorization.orgName} is authorized.` });
  }

  #expire(): null {
    this.#options.logger.warn("The device code expired before it was used.");
    this.#end({
      state: "expired",
      message: "The code expired before it was used. Start again to get a new one.",
    });
    return null;
  }

  #deny(): null {
    this.#options.logger.warn("The authorization was declined at Webex.", { method: "device" });
    this.#end({
      state: "denied",
      message:
        "The authorization was declined at Webex. Start again, and have an administrator of the organization accept it. Control Hub must allow the integration.",
    });
    return null;
  }

  #fail(fault: Fault): void {
    this.#options.logger.error("The authorization failed.", {
      method: "device",
      fault: fault.code,
      trackingId: fault.trackingId,
      ...(fault.code === "defect" ? { error: fault } : {}),
    });
    const message =
      fault.code === "defect"
        ? "The authorization failed because of an internal error. See the log of the worker."
        : [fault.message, fault.hint].filter(Boolean).join(" ");
    this.#end({ state: "failed", message });
  }

  #end(outcome: Outcome): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#setOutcome(outcome);
  }

  #setOutcome(outcome: Outcome): void {
    const { state, message } = this.#outcome;
    if (outcome.state === state && outcome.message === message) return;
    this.#outcome = outcome;
    this.events.emit("viewChanged", this.view);
  }
}
