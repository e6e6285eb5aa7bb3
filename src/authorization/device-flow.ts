import { Emitter } from "../faults/emitter.js";
import { asFault, type Fault, faultFields } from "../faults/fault.js";
import type { DeviceAuthorization, TokenResponse } from "../webex/oauth.js";
import {
  logFailure,
  storeGrant,
  type Flow,
  type FlowEvents,
  type FlowOptions,
  type FlowView,
} from "./flow.js";
import { REQUIRED_SCOPES } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { delay, throwIfCancelled } from "./shared-task.js";

/** RFC 8628, 3.5: `slow_down` adds five seconds to this and all later intervals. */
const SLOW_DOWN_MS = 5_000;
const MAX_WAIT_MS = 60_000;
const MIN_INTERVAL_MS = 1_000;
/** How long issued tokens stay in memory while the keychain or Webex is unavailable. */
const STORE_TIMEOUT_MS = 600_000;

type Outcome = Pick<FlowView, "state" | "message">;

/**
 * Authorization on another device (RFC 8628). A person types the user code at Webex, and the flow
 * polls for the tokens until the code is used, declined or expired.
 */
export class DeviceFlow implements Flow {
  readonly method = "device";
  readonly events = new Emitter<FlowEvents>();
  readonly #options: FlowOptions;
  readonly #abort = new AbortController();
  #view: FlowView = {
    method: "device",
    url: null,
    redirectUri: null,
    verificationUri: null,
    verificationUriComplete: null,
    userCode: null,
    expiresAt: null,
    state: "waiting",
    message: null,
  };
  #deadline = 0;
  #isOpen = false;
  #polling: Promise<void> = Promise.resolve();

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get view(): FlowView {
    return this.#view;
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { oauthContext, clock, logger } = this.#options;
    const context = oauthContext();
    const either = AbortSignal.any([signal, this.#abort.signal]);
    const scope = REQUIRED_SCOPES.join(" ");
    const code = await context.oauth.authorizeDevice(context.client, scope, either);
    throwIfCancelled(either);
    const { verificationUri, verificationUriComplete, userCode, expiresInSeconds } = code;
    const expiresAt = new Date(clock.now() + expiresInSeconds * 1_000).toISOString();
    this.#view = { ...this.#view, verificationUri, verificationUriComplete, userCode, expiresAt };
    this.#deadline = clock.monotonic() + expiresInSeconds * 1_000;
    this.#isOpen = true;
    const fields = { verificationUri, userCode, expiresAt };
    logger.info("To authorize, open the address on any device and enter the code.", fields);
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
      if (!this.#abort.signal.aborted) this.#fail(asFault(thrown));
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
          ...faultFields(fault),
          waitMs,
        });
      }
    }
  }

  async #store(context: OAuthContext, tokens: TokenResponse): Promise<void> {
    const { orgId, orgName } = await storeGrant(context, tokens, {
      ...this.#options,
      deadline: this.#options.clock.monotonic() + STORE_TIMEOUT_MS,
      signal: this.#abort.signal,
      onRetry: ({ message }) =>
        this.#setOutcome({
          state: "waiting",
          message: `${message} The worker stores the authorization as soon as this is resolved.`,
        }),
    });
    this.#options.logger.info("An organization was authorized.", { method: "device", orgId });
    this.#end({ state: "authorized", message: `${orgName} is authorized.` });
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
    logFailure(this.#options.logger, "device", fault);
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
    const { state, message } = this.#view;
    if (outcome.state === state && outcome.message === message) return;
    this.#view = { ...this.#view, ...outcome };
    this.events.emit("viewChanged", this.#view);
  }
}
