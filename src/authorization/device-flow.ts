import { asFault, type Fault } from "../faults/fault.js";
import { Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { DeviceAuthorization, DeviceTokenPoll, TokenResponse } from "../webex/oauth.js";
import type { OAuthContext } from "./oauth-context.js";
import type { Flow, FlowEvents, FlowState, FlowView } from "./flow.js";
import { REQUIRED_SCOPES } from "./grant.js";
import { type GrantSink, storeGrant, delay } from "./grant-keeper.js";
import { cancelled } from "./shared-task.js";

export interface DeviceFlowOptions {
  /** In force now: asked once, when the flow begins. Fault: `clientNotConfigured`. */
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** RFC 8628, 3.5: `slow_down` adds five seconds, for this and all later requests. */
const SLOW_DOWN_MS = 5_000;
const MAX_WAIT_MS = 60_000;
const MIN_INTERVAL_MS = 1_000;
/** How long a grant already given is kept in memory while the keychain or Webex is out of reach. */
const STORE_DEADLINE_MS = 600_000;

interface Outcome {
  readonly state: FlowState;
  readonly message: string | null;
}

/** Authorization from another device (RFC 8628): a code to type at Webex, asked after until it is used, refused or too old. */
export class DeviceFlow implements Flow {
  readonly method = "device";
  readonly #options: DeviceFlowOptions;
  readonly events = new Emitter<FlowEvents>();
  readonly #abort = new AbortController();
  #deviceCode: DeviceAuthorization | null = null;
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
      verificationUri: this.#deviceCode?.verificationUri ?? null,
      verificationUriComplete: this.#deviceCode?.verificationUriComplete ?? null,
      userCode: this.#deviceCode?.userCode ?? null,
      expiresAt: this.#expiresAt,
      ...this.#outcome,
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { clock, logger } = this.#options;
    const counterpart = this.#options.oauthContext();
    const { client, oauth } = counterpart;
    const deviceCode = await oauth.authorizeDevice(
      client,
      REQUIRED_SCOPES.join(" "),
      AbortSignal.any([signal, this.#abort.signal]),
    );
    if (signal.aborted || this.#abort.signal.aborted) throw cancelled();
    this.#deviceCode = deviceCode;
    this.#deadline = clock.monotonic() + deviceCode.expiresInSeconds * 1_000;
    this.#expiresAt = new Date(clock.now() + deviceCode.expiresInSeconds * 1_000).toISOString();
    this.#isOpen = true;
    logger.info("To authorize, open the address on any device and type the code.", {
      verificationUri: deviceCode.verificationUri,
      userCode: deviceCode.userCode,
      expiresAt: this.#expiresAt,
    });
    this.#polling = this.#run(counterpart, deviceCode);
    return this.view;
  }

  async stop(reason = "The authorization was called off."): Promise<void> {
    this.#abort.abort();
    this.#end({ state: "cancelled", message: reason });
    await this.#polling;
  }

  async #run(counterpart: OAuthContext, deviceCode: DeviceAuthorization): Promise<void> {
    try {
      const answer = await this.#poll(counterpart, deviceCode);
      if (answer !== null) await this.#store(counterpart, answer);
    } catch (thrown) {
      if (this.#abort.signal.aborted) return;
      this.#fail(asFault(thrown));
    }
  }

  /** The grant, or null when the flow ended without one. */
  async #poll(
    { oauth, client }: OAuthContext,
    deviceCode: DeviceAuthorization,
  ): Promise<TokenResponse | null> {
    const { clock } = this.#options;
    const signal = this.#abort.signal;
    let intervalMs = Math.max(MIN_INTERVAL_MS, deviceCode.intervalSeconds * 1_000);
    let waitMs = intervalMs;
    for (;;) {
      await delay(clock, Math.min(waitMs, Math.max(0, this.#deadline - clock.monotonic())), signal);
      if (clock.monotonic() >= this.#deadline) return this.#expire();
      try {
        const poll = await oauth.pollDeviceToken(client, deviceCode.deviceCode, signal);
        if (poll.kind === "authorized") return poll.tokens;
        if (signal.aborted) return null;
        if (poll.kind === "expired") return this.#expire();
        if (poll.kind === "denied") return this.#deny();
        intervalMs += slowDownMs(poll);
        waitMs = intervalMs;
      } catch (thrown) {
        const fault = asFault(thrown);
        if (signal.aborted || fault.kind !== "transient") throw fault;
        if (fault.code === "rateLimited") intervalMs += SLOW_DOWN_MS;
        // RFC 8628, 3.5: after a failed connection the client slows down by itself, exponentially.
        waitMs = Math.max(intervalMs, Math.min(waitMs * 2, MAX_WAIT_MS), fault.retryAfterMs ?? 0);
        this.#options.logger.debug(
          "Asking Webex after the device code failed; it is asked again.",
          {
            fault: fault.code,
            waitMs,
          },
        );
      }
    }
  }

  async #store(counterpart: OAuthContext, answer: TokenResponse): Promise<void> {
    const { grantSink: keeper, clock, logger } = this.#options;
    const deadline = clock.monotonic() + STORE_DEADLINE_MS;
    const onTrouble = (fault: Fault): void => {
      this.#setOutcome({
        state: "waiting",
        message: `${fault.message} The authorization is kept as soon as this passes.`,
      });
    };
    const authorization = await storeGrant(
      counterpart,
      answer,
      { keeper, clock, logger, deadline, onTrouble },
      this.#abort.signal,
    );
    logger.info("An organization was authorized.", {
      method: "device",
      orgId: authorization.orgId,
    });
    this.#end({ state: "authorized", message: `${authorization.orgName} is authorized.` });
  }

  #expire(): null {
    this.#options.logger.warn("The device code was not used in time.");
    this.#end({
      state: "expired",
      message: "The code was not used in time. Begin again for a new one.",
    });
    return null;
  }

  #deny(): null {
    this.#options.logger.warn("The authorization was declined at Webex.", { method: "device" });
    this.#end({
      state: "denied",
      message:
        "The authorization was declined at Webex. Begin again, and have it accepted by an administrator of the organization; the integration must be allowed in Control Hub.",
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
    const sentence =
      fault.code === "defect"
        ? "The authorization failed inside the worker; its log says why."
        : [fault.message, fault.hint].filter(Boolean).join(" ");
    this.#end({ state: "failed", message: sentence });
  }

  #end(outcome: Outcome): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#setOutcome(outcome);
  }

  #setOutcome(outcome: Outcome): void {
    if (outcome.state === this.#outcome.state && outcome.message === this.#outcome.message) return;
    this.#outcome = outcome;
    this.events.emit("viewChanged", this.view);
  }
}

function slowDownMs(poll: DeviceTokenPoll): number {
  return poll.kind === "slowDown" ? SLOW_DOWN_MS : 0;
}
