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
export type WantedFlow =
  { readonly kind: "open"; readonly method: FlowMethod } | { readonly kind: "leave" } | { readonly kind: "none" };

const TRY_AGAIN_MS = 10_000;
const PAUSE_BETWEEN_FLOWS_MS = 500;

export interface FlowSupervisorEvents {
  /** `fault` or `denied` has changed. */
  readonly outcomeChanged: undefined;
}

/** Keeps the flow open that the settings ask for, whatever happens to it: level-triggered, begun again when it ends. */
export class FlowKeeper {
  readonly #service: AuthorizationService;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly events = new Emitter<FlowSupervisorEvents>();
  #wanted: WantedFlow = { kind: "none" };
  #own: FlowMethod | null = null;
  #open = false;
  #beginning: AbortController | null = null;
  #retryAsked = false;
  #retry: Disposer | null = null;
  #fault: Fault | null = null;
  #denied = false;
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
    return this.#denied;
  }

  start(): void {
    this.#disposers.push(
      this.#service.events.on("authorizationsChanged", ({ flow }) => {
        const wasOpen = this.#open;
        if (flow !== null) this.#hear(flow.state, wasOpen);
        this.#open = flow !== null;
        if (wasOpen && !this.#open) {
          this.#own = null;
          this.#settleOutcome();
          this.#schedule(PAUSE_BETWEEN_FLOWS_MS);
        }
      }),
    );
  }

  want(wanted: WantedFlow): void {
    const before = this.#wanted;
    this.#wanted = wanted;
    if (wanted.kind !== "open") this.#setFault(null);
    if (wanted.kind === "none" && before.kind !== "none") this.#setDenied(false);
    this.#settleOutcome();
    const other = wanted.kind === "open" && !isSame(wanted, before);
    // A disabled worker asks Webex for nothing more, a device code that is on its way included.
    if (wanted.kind === "none" || (other && before.kind === "open")) this.#beginning?.abort();
    if (wanted.kind === "none" || other) this.#schedule(0);
  }

  /** Something that keeps a flow from beginning may have changed (the client, the keychain, the way to Webex): tries now. */
  retryNow(): void {
    this.#retryAsked = this.#beginning !== null;
    if (this.#fault !== null && this.#fault.retryAfterMs === undefined) this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.();
    this.#beginning?.abort();
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#service.cancel();
  }

  /** A "no" counts while a grant is missing, or while its flow can still be used: afterwards there is nothing to act on. */
  #settleOutcome(): void {
    if (this.#wanted.kind !== "open" && !this.#open) this.#setDenied(false);
  }

  #hear(state: FlowState, wasOpen: boolean): void {
    if (state === "denied") this.#setDenied(true);
    // At the page a person tries again in the same flow; a flow begun anew by the keeper is nobody's change of mind.
    else if (state === "authorized" || (state === "waiting" && wasOpen)) this.#setDenied(false);
  }

  #schedule(delayMs: number): void {
    this.#retry?.();
    if (this.#stopped) return;
    this.#retry = this.#clock.timer(delayMs, () => {
      this.#retry = null;
      void this.#settle();
    });
  }

  async #settle(): Promise<void> {
    if (this.#stopped || this.#beginning !== null) return;
    const wanted = this.#wanted;
    const unwanted = this.#own !== null && (wanted.kind === "none" || (wanted.kind === "open" && wanted.method !== this.#own));
    if (unwanted) {
      this.#own = null;
      await this.#service.cancel();
    }
    if (wanted.kind !== "open" || this.#own !== null) return;
    const beginning = new AbortController();
    this.#beginning = beginning;
    try {
      await this.#service.begin(wanted.method, beginning.signal);
      this.#own = wanted.method;
      this.#setFault(null);
    } catch (error) {
      const fault = asFault(error);
      // A flow that the host began itself is as good; and what was called off here is no fault.
      const untold = fault.code === "authorizationInProgress" || fault.code === "cancelled" || this.#wanted.kind !== "open";
      this.#setFault(untold ? null : fault);
      this.#schedule(this.#retryAsked && fault.retryAfterMs === undefined ? 0 : TRY_AGAIN_MS);
    } finally {
      this.#beginning = null;
      this.#retryAsked = false;
    }
    if (beginning.signal.aborted || !isSame(this.#wanted, wanted)) this.#schedule(0);
  }

  #setFault(fault: Fault | null): void {
    if (this.#fault?.code === fault?.code) return;
    this.#fault = fault;
    if (fault !== null)
      this.#log.warn("The authorization cannot be begun; it is tried again.", { fault: fault.code, reason: fault.message });
    this.events.emit("outcomeChanged");
  }

  #setDenied(denied: boolean): void {
    if (this.#denied === denied) return;
    this.#denied = denied;
    this.events.emit("outcomeChanged");
  }
}

function isSame(one: WantedFlow, other: WantedFlow): boolean {
  return one.kind === "open" ? other.kind === "open" && one.method === other.method : one.kind === other.kind;
}
