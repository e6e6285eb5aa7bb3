import { Emitter, type Disposer } from "../faults/emitter.js";
import { asFault, type Fault, type FaultCode, faultFields } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { AuthorizationService } from "./authorizations.js";
import type { FlowMethod } from "./flow.js";

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
/** Faults that the status reports, and logs, as problems. */
const REPORTED_FAULTS: ReadonlySet<FaultCode> = new Set([
  "clientNotConfigured",
  "redirectPortInUse",
  "webexUnreachable",
  "webexError",
  "rateLimited",
]);

/** Reconciles the open flow with the desired one, and restarts a flow that ended if necessary. */
export class FlowSupervisor {
  /** `outcomeChanged`: `fault` or `isDenied` has changed. */
  readonly events = new Emitter<{ readonly outcomeChanged: undefined }>();
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
      this.#isFlowOpen = flow !== null;
      if (flow?.state === "denied") this.#setDenied(true);
      // On the page, a person can try again in the same flow. A new flow is not a new decision.
      if (flow?.state === "authorized" || (flow?.state === "waiting" && wasFlowOpen))
        this.#setDenied(false);
      if (wasFlowOpen && flow === null) {
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
    // A disabled worker sends nothing to Webex, not even a request for a device code.
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
      const method = initial.kind === "open" ? initial.method : null;
      if (this.#ownMethod !== null && this.#ownMethod !== method && initial.kind !== "drain") {
        this.#ownMethod = null;
        await this.#service.cancel();
      }
      // In the meantime, the desired flow may have changed, or the supervisor may have been
      // stopped.
      if (isSame(initial, this.#desired)) wasAborted = await this.#beginIfDesired();
    } finally {
      this.#isReconciling = false;
    }
    if (wasAborted || !isSame(initial, this.#desired)) this.#schedule(0);
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
      const isImmediate = this.#isRetryRequested && fault.retryAfterMs === undefined;
      this.#schedule(isImmediate ? 0 : RETRY_INTERVAL_MS);
    } finally {
      this.#pendingBegin = null;
      this.#isRetryRequested = false;
    }
    return pendingBegin.signal.aborted;
  }

  #setFault(fault: Fault | null): void {
    if (this.#fault?.code === fault?.code && this.#fault?.message === fault?.message) return;
    this.#fault = fault;
    if (fault !== null) {
      const level = REPORTED_FAULTS.has(fault.code) ? "debug" : "warn";
      this.#logger[level]("The authorization could not be started. The worker tries again.", {
        ...faultFields(fault),
        error: fault.code === "defect" ? fault : undefined,
      });
    }
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
