import { Emitter, type Disposer } from "../faults/emitter.js";
import { asFault, type Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { AuthorizationService } from "./authorizations.js";
import type { FlowMethod, FlowState } from "./flow.js";

/**
 * `open`: keep a flow of this method open, because a grant is missing. `drain`: let an open flow
 * end by itself, since its page stays until COMPLETE REQUEST. `none`: close it, because the worker
 * is disabled or `WebexPresence.Authorize` is `off`.
 */
export type DesiredFlow =
  | { readonly kind: "open"; readonly method: FlowMethod }
  | { readonly kind: "drain" }
  | { readonly kind: "none" };

const RETRY_INTERVAL_MS = 10_000;
const RESTART_DELAY_MS = 500;

export interface FlowSupervisorEvents {
  /** `fault` or `isDenied` has changed. */
  readonly outcomeChanged: undefined;
}

/**
 * Reconciles the open flow with the desired one. A flow that ends is started again if necessary.
 */
export class FlowSupervisor {
  readonly events = new Emitter<FlowSupervisorEvents>();
  readonly #service: AuthorizationService;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #desired: DesiredFlow = { kind: "none" };
  /** The method of the open flow if this supervisor started it. */
  #ownMethod: FlowMethod | null = null;
  #isFlowOpen = false;
  #isReconciling = false;
  #pendingBegin: AbortController | null = null;
  #isRetryRequested = false;
  #cancelTimer: Disposer | null = null;
  #fault: Fault | null = null;
  #isDenied = false;
  #isStopped = false;
  #unsubscribe: Disposer | null = null;

  constructor(service: AuthorizationService, clock: Clock, logger: Logger) {
    this.#service = service;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Why the latest attempt to start a flow failed, or null. */
  get fault(): Fault | null {
    return this.#fault;
  }

  /** Whether the latest request was declined. */
  get isDenied(): boolean {
    return this.#isDenied;
  }

  start(): void {
    this.#unsubscribe ??= this.#service.events.on("authorizationsChanged", ({ flow }) => {
      const wasFlowOpen = this.#isFlowOpen;
      if (flow !== null) this.#trackOutcome(flow.state, wasFlowOpen);
      this.#isFlowOpen = flow !== null;
      if (wasFlowOpen && !this.#isFlowOpen) {
        this.#ownMethod = null;
        this.#clearStaleDenial();
        this.#schedule(RESTART_DELAY_MS);
      }
    });
  }

  setDesired(desired: DesiredFlow): void {
    const previous = this.#desired;
    this.#desired = desired;
    if (desired.kind !== "open") this.#setFault(null);
    if (desired.kind === "none" && previous.kind !== "none") this.#setDenied(false);
    this.#clearStaleDenial();
    const isNewlyOpen = desired.kind === "open" && !isSame(desired, previous);
    // A disabled worker sends nothing to Webex, so a pending request for a device code is
    // cancelled.
    if (desired.kind === "none" || (isNewlyOpen && previous.kind === "open"))
      this.#pendingBegin?.abort();
    if (desired.kind === "none" || isNewlyOpen) this.#schedule(0);
  }

  /** Retries now, because the client, the keychain or the route to Webex may have changed. */
  retryNow(): void {
    this.#isRetryRequested = this.#pendingBegin !== null;
    if (this.#fault !== null && this.#fault.retryAfterMs === undefined) this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#pendingBegin?.abort();
    this.#unsubscribe?.();
    await this.#service.cancel();
  }

  /** A denial matters while a grant is missing, or while the declined flow is still open. */
  #clearStaleDenial(): void {
    if (this.#desired.kind !== "open" && !this.#isFlowOpen) this.#setDenied(false);
  }

  #trackOutcome(state: FlowState, wasFlowOpen: boolean): void {
    if (state === "denied") this.#setDenied(true);
    // On the page, a person can try again in the same flow. A new flow does not mean a new
    // decision.
    else if (state === "authorized" || (state === "waiting" && wasFlowOpen)) this.#setDenied(false);
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    if (this.#isStopped) return;
    this.#cancelTimer = this.#clock.schedule(delayMs, () => {
      this.#cancelTimer = null;
      void this.#reconcile();
    });
  }

  async #reconcile(): Promise<void> {
    if (this.#isStopped || this.#isReconciling) return;
    this.#isReconciling = true;
    const initial = this.#desired;
    let wasAborted = false;
    try {
      if (this.#isOwnFlowUndesired()) {
        this.#ownMethod = null;
        await this.#service.cancel();
      }
      // The desired flow may have changed during the wait, and the supervisor may have been
      // stopped.
      if (isSame(initial, this.#desired)) wasAborted = await this.#beginIfDesired();
    } finally {
      this.#isReconciling = false;
    }
    if (wasAborted || !isSame(initial, this.#desired)) this.#schedule(0);
  }

  #isOwnFlowUndesired(): boolean {
    const desired = this.#desired;
    if (this.#ownMethod === null || desired.kind === "drain") return false;
    return desired.kind === "none" || desired.method !== this.#ownMethod;
  }

  /** Returns whether the attempt was aborted because the desired flow changed. */
  async #beginIfDesired(): Promise<boolean> {
    const desired = this.#desired;
    if (this.#isStopped || desired.kind !== "open" || this.#ownMethod !== null) return false;
    const pendingBegin = new AbortController();
    this.#pendingBegin = pendingBegin;
    try {
      await this.#service.begin(desired.method, pendingBegin.signal);
      // The flow may have ended again by now.
      if (this.#isFlowOpen) this.#ownMethod = desired.method;
      this.#setFault(null);
    } catch (error) {
      const fault = asFault(error);
      // A flow that the host has started is as good as an own one.
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
    return pendingBegin.signal.aborted;
  }

  #setFault(fault: Fault | null): void {
    if (this.#fault?.code === fault?.code) return;
    this.#fault = fault;
    if (fault !== null)
      this.#logger.warn("The authorization could not be started. The worker tries again.", {
        fault: fault.code,
        reason: fault.message,
        ...(fault.code === "defect" ? { error: fault } : {}),
      });
    this.events.emit("outcomeChanged");
  }

  #setDenied(isDenied: boolean): void {
    if (this.#isDenied === isDenied) return;
    this.#isDenied = isDenied;
    this.events.emit("outcomeChanged");
  }
}

function isSame(a: DesiredFlow, b: DesiredFlow): boolean {
  if (a.kind === "open" && b.kind === "open") return a.method === b.method;
  return a.kind === b.kind;
}
