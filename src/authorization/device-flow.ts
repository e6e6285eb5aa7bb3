import { asFault, type Fault } from "../faults/fault.js";
import { Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { DeviceCode, DevicePoll, TokenAnswer } from "../webex/oauth-api.js";
import type { Counterpart } from "./counterpart.js";
import type { Flow, FlowEvents, FlowState, FlowView } from "./flow.js";
import { REQUIRED_SCOPES } from "./grant.js";
import { type GrantKeeper, keepGrant, pause } from "./grant-keeper.js";
import { cancelled } from "./single-flight.js";

export interface DeviceFlowParts {
  /** In force now: asked once, when the flow begins. Fault: `clientNotConfigured`. */
  readonly counterpart: () => Counterpart;
  readonly keeper: GrantKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** RFC 8628, 3.5: `slow_down` adds five seconds, for this and all later requests. */
const SLOW_DOWN_MS = 5_000;
const LONGEST_WAIT_MS = 60_000;
const SHORTEST_INTERVAL_MS = 1_000;
/** How long a grant already given is kept in memory while the keychain or Webex is out of reach. */
const KEEPING_MS = 600_000;

interface Told {
  readonly state: FlowState;
  readonly message: string | null;
}

/** Authorization from another device (RFC 8628): a code to type at Webex, asked after until it is used, refused or too old. */
export class DeviceFlow implements Flow {
  readonly method = "device";
  readonly #parts: DeviceFlowParts;
  readonly events = new Emitter<FlowEvents>();
  readonly #abort = new AbortController();
  #device: DeviceCode | null = null;
  #expiresAt: string | null = null;
  #deadline = 0;
  #told: Told = { state: "waiting", message: null };
  #open = false;
  #polling: Promise<void> = Promise.resolve();

  constructor(parts: DeviceFlowParts) {
    this.#parts = parts;
  }

  get open(): boolean {
    return this.#open;
  }

  get view(): FlowView {
    return {
      method: "device",
      url: null,
      redirectUri: null,
      verificationUri: this.#device?.verificationUri ?? null,
      verificationUriComplete: this.#device?.verificationUriComplete ?? null,
      userCode: this.#device?.userCode ?? null,
      expiresAt: this.#expiresAt,
      ...this.#told,
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { clock, logger } = this.#parts;
    const counterpart = this.#parts.counterpart();
    const { client, oauth } = counterpart;
    const device = await oauth.beginDevice(client, REQUIRED_SCOPES.join(" "), AbortSignal.any([signal, this.#abort.signal]));
    if (signal.aborted || this.#abort.signal.aborted) throw cancelled();
    this.#device = device;
    this.#deadline = clock.monotonic() + device.expiresInSeconds * 1_000;
    this.#expiresAt = new Date(clock.now() + device.expiresInSeconds * 1_000).toISOString();
    this.#open = true;
    logger.info("To authorize, open the address on any device and type the code.", {
      verificationUri: device.verificationUri,
      userCode: device.userCode,
      expiresAt: this.#expiresAt,
    });
    this.#polling = this.#run(counterpart, device);
    return this.view;
  }

  async stop(reason = "The authorization was called off."): Promise<void> {
    this.#abort.abort();
    this.#end({ state: "cancelled", message: reason });
    await this.#polling;
  }

  async #run(counterpart: Counterpart, device: DeviceCode): Promise<void> {
    try {
      const answer = await this.#poll(counterpart, device);
      if (answer !== null) await this.#keep(counterpart, answer);
    } catch (thrown) {
      if (this.#abort.signal.aborted) return;
      this.#fail(asFault(thrown));
    }
  }

  /** The grant, or null when the flow ended without one. */
  async #poll({ oauth, client }: Counterpart, device: DeviceCode): Promise<TokenAnswer | null> {
    const { clock } = this.#parts;
    const signal = this.#abort.signal;
    let intervalMs = Math.max(SHORTEST_INTERVAL_MS, device.intervalSeconds * 1_000);
    let waitMs = intervalMs;
    for (;;) {
      await pause(clock, Math.min(waitMs, Math.max(0, this.#deadline - clock.monotonic())), signal);
      if (clock.monotonic() >= this.#deadline) return this.#expire();
      try {
        const poll = await oauth.pollDevice(client, device.deviceCode, signal);
        if (poll.kind === "authorized") return poll.answer;
        if (signal.aborted) return null;
        if (poll.kind === "expired") return this.#expire();
        if (poll.kind === "denied") return this.#deny();
        intervalMs += slowedBy(poll);
        waitMs = intervalMs;
      } catch (thrown) {
        const fault = asFault(thrown);
        if (signal.aborted || fault.kind !== "transient") throw fault;
        if (fault.code === "rateLimited") intervalMs += SLOW_DOWN_MS;
        // RFC 8628, 3.5: after a failed connection the client slows down by itself, exponentially.
        waitMs = Math.max(intervalMs, Math.min(waitMs * 2, LONGEST_WAIT_MS), fault.retryAfterMs ?? 0);
        this.#parts.logger.debug("Asking Webex after the device code failed; it is asked again.", { fault: fault.code, waitMs });
      }
    }
  }

  async #keep(counterpart: Counterpart, answer: TokenAnswer): Promise<void> {
    const { keeper, clock, logger } = this.#parts;
    const deadline = clock.monotonic() + KEEPING_MS;
    const onTrouble = (fault: Fault): void => {
      this.#tell({ state: "waiting", message: `${fault.message} The authorization is kept as soon as this passes.` });
    };
    const authorization = await keepGrant(
      counterpart,
      answer,
      { keeper, clock, logger, deadline, onTrouble },
      this.#abort.signal,
    );
    logger.info("An organization was authorized.", { method: "device", orgId: authorization.orgId });
    this.#end({ state: "authorized", message: `${authorization.orgName} is authorized.` });
  }

  #expire(): null {
    this.#parts.logger.warn("The device code was not used in time.");
    this.#end({ state: "expired", message: "The code was not used in time. Begin again for a new one." });
    return null;
  }

  #deny(): null {
    this.#parts.logger.warn("The authorization was declined at Webex.", { method: "device" });
    this.#end({
      state: "denied",
      message:
        "The authorization was declined at Webex. Begin again, and have it accepted by an administrator of the organization; the integration must be allowed in Control Hub.",
    });
    return null;
  }

  #fail(fault: Fault): void {
    this.#parts.logger.error("The authorization failed.", {
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

  #end(told: Told): void {
    if (!this.#open) return;
    this.#open = false;
    this.#tell(told);
  }

  #tell(told: Told): void {
    if (told.state === this.#told.state && told.message === this.#told.message) return;
    this.#told = told;
    this.events.emit("viewChanged", this.view);
  }
}

function slowedBy(poll: DevicePoll): number {
  return poll.kind === "slowDown" ? SLOW_DOWN_MS : 0;
}
