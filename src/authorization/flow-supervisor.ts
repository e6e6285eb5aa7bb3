import { asFault, type Fault } from "../faults/fault.js";
import { Emitter, type Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { AuthorizationService } from "./authorization-service.js";
import type { FlowMethod, FlowState } from "./flow.js";

/**
 * What the settings ask for: a flow of that method kept open while a grant is missing; an open one left to end by itself (its page
 * stays until COMPLETE REQUEST); or none (disabled, or `WebexPresence.Authorize=off`).
 */
export type DesiredFlow =
  | { readonly kind: "open"; readonly method: FlowMethod }
  | { readonly kind: "leave" }
  | { readonly kind: "none" };

const RETRY_INTERVAL_MS = 10_000;
const RESTART_DELAY_MS = 500;

export interface FlowSupervisorEvents {
  /** `fault` or `denied` has changed. */
  readonly outcomeChanged: undefined;
}

/** Keeps the flow open that the settings ask for, whatever happens to it: level-triggered, begun again when it ends. */
export class FlowSupervisor {
  readonly #service: AuthorizationService;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly events = new Emitter<FlowSupervisorEvents>();
  #desired: DesiredFlow = { kind: "none" };
  #ownMethod: FlowMethod | null = null;
  #isFlowOpen = false;
  #pendingBegin: AbortController | null = null;
  #isRetryRequested = false;
  #cancelTimer: Disposer | null = null;
  #fault: Fault | null = null;
  #isDenied = false;
  #stopped = false;
  #disposers: Disposer[] = [];

  constructor(service: AuthorizationService, clock: Clock, log: Logger) {
    this.#service = service;
    this.#clock = clock;
    this.#log = log;
  }

  /** Why the flow could not be begun at the last try, or null. */
  get fault(): Fault | null {
    return this.#fault;
  }

  /** Whether the last answer of a person was "no". */
  get denied(): boolean {
    return this.#isDenied;
  }

  start(): void {
    this.#disposers.push(
      this.#service.events.on("authorizationsChanged", ({ flow }) => {
        const wasFlowOpen = this.#isFlowOpen;
        if (flow !== null) this.#trackOutcome(flow.state, wasFlowOpen);
        this.#isFlowOpen = flow !== null;
        if (wasFlowOpen && !this.#isFlowOpen) {
          this.#ownMethod = null;
          this.#clearStaleDenial();
          this.#schedule(RESTART_DELAY_MS);
        }
      }),
    );
  }

  setDesired(desired: DesiredFlow): void {
    const previous = this.#desired;
    this.#desired = desired;
    if (desired.kind !== "open") this.#setFault(null);
    if (desired.kind === "none" && previous.kind !== "none") this.#setDenied(false);
    this.#clearStaleDenial();
    const other = desired.kind === "open" && !isSame(desired, previous);
    // A disabled worker asks Webex for nothing more, a device code that is on its way included.
    if (desired.kind === "none" || (other && previous.kind === "open")) this.#pendingBegin?.abort();
    if (desired.kind === "none" || other) this.#schedule(0);
  }

  /** Something that keeps a flow from beginning may have changed (the client, the keychain, the way to Webex): tries now. */
  retryNow(): void {
    this.#isRetryRequested = this.#pendingBegin !== null;
    if (this.#fault !== null && this.#fault.retryAfterMs === undefined) this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#pendingBegin?.abort();
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#service.cancel();
  }

  /** A "no" counts while a grant is missing, or while its flow can still be used: afterwards there is nothing to act on. */
  #clearStaleDenial(): void {
    if (this.#desired.kind !== "open" && !this.#isFlowOpen) this.#setDenied(false);
  }

  #trackOutcome(state: FlowState, wasFlowOpen: boolean): void {
    if (state === "denied") this.#setDenied(true);
    // At the page a person tries again in the same flow; a flow begun anew by the keeper is nobody's change of mind.
    else if (state === "authorized" || (state === "waiting" && wasFlowOpen)) this.#setDenied(false);
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    if (this.#stopped) return;
    this.#cancelTimer = this.#clock.schedule(delayMs, () => {
      this.#cancelTimer = null;
      void this.#reconcile();
    });
  }

  async #reconcile(): Promise<void> {
    if (this.#stopped || this.#pendingBegin !== null) return;
    const desired = this.#desired;
    const isUndesired =
      this.#ownMethod !== null &&
      (desired.kind === "none" || (desired.kind === "open" && desired.method !== this.#ownMethod));
    if (isUndesired) {
      this.#ownMethod = null;
      await this.#service.cancel();
    }
    if (desired.kind !== "open" || this.#ownMethod !== null) return;
    const pendingBegin = new AbortController();
    this.#pendingBegin = pendingBegin;
    try {
      await this.#service.begin(desired.method, pendingBegin.signal);
      this.#ownMethod = desired.method;
      this.#setFault(null);
    } catch (error) {
      const fault = asFault(error);
      // A flow that the host began itself is as good; and what was called off here is no fault.
      const isExpected =
        fault.code === "authorizationInProgress" ||
        fault.code === "cancelled" ||
        this.#desired.kind !== "open";
      this.#setFault(isExpected ? null : fault);
      this.#schedule(
        this.#isRetryRequested && fault.retryAfterMs === undefined ? 0 : RETRY_INTERVAL_MS,
      );
    } finally {
      this.#pendingBegin = null;
      this.#isRetryRequested = false;
    }
    if (pendingBegin.signal.aborted || !isSame(this.#desired, desired)) this.#schedule(0);
  }

  #setFault(fault: Fault | null): void {
    if (this.#fault?.code === fault?.code) return;
    this.#fault = fault;
    if (fault !== null)
      this.#log.warn("The authorization cannot be begun; it is tried again.", {
        fault: fault.code,
        reason: fault.message,
      });
    this.events.emit("outcomeChanged");
  }

  #setDenied(denied: boolean): void {
    if (this.#isDenied === denied) return;
    this.#isDenied = denied;
    this.events.emit("outcomeChanged");
  }
}

function isSame(one: DesiredFlow, other: DesiredFlow): boolean {
  return one.kind === "open"
    ? other.kind === "open" && one.method === other.method
    : one.kind === other.kind;
}
