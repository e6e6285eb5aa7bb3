import { Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import type { OAuthContext } from "./oauth-context.js";
import type { Flow, FlowMethod, FlowView } from "./flow.js";
import { cancelled, throwIfCancelled } from "./shared-task.js";

interface ActiveFlow {
  readonly flow: Flow;
  readonly abort: AbortController;
  readonly dispose: Disposer;
  /** Resolves when there is something for a person to do. */
  started: Promise<void>;
  isStarted: boolean;
  /** Null until it is known. */
  oauthContext: OAuthContext | null;
  /** Ended because it was begun with another counterpart than is wanted now. */
  isOutdated: boolean;
}

/** Room for one flow at a time. Each change is told; the end of a flow twice: with its last state, then as none. */
export class FlowSlot {
  readonly #createFlow: (method: FlowMethod) => Flow;
  readonly #onChange: () => void;
  #active: ActiveFlow | null = null;
  #previous: Flow | null = null;

  constructor(createFlow: (method: FlowMethod) => Flow, onChange: () => void) {
    this.#createFlow = createFlow;
    this.#onChange = onChange;
  }

  /** The flow that is open, or has just ended; null otherwise. */
  get view(): FlowView | null {
    return this.#active?.isStarted === true ? this.#active.flow.view : null;
  }

  /**
   * The flow of that method that is open, or a new one; `prepare` runs before it starts and says what it is begun with. Fault:
   * `authorizationInProgress`.
   */
  async begin(
    method: FlowMethod,
    signal: AbortSignal,
    prepare: () => Promise<OAuthContext>,
  ): Promise<FlowView> {
    throwIfCancelled(signal);
    const open = this.#active;
    if (open !== null && open.flow.method !== method) {
      throw new Fault(
        "authorizationInProgress",
        `An authorization by ${open.flow.method} is open: it ends first, or is cancelled.`,
        {
          data: { method: open.flow.method },
        },
      );
    }
    const active = open ?? this.#create(method, signal, prepare);
    try {
      await active.started;
      return active.flow.view;
    } catch (error) {
      // Who began it has called it off, or it went to the wrong place: whoever asked still wants one.
      const shouldRetry = !signal.aborted && (open !== null || active.isOutdated);
      if (shouldRetry && error instanceof Fault && error.code === "cancelled")
        return this.begin(method, signal, prepare);
      throw error;
    }
  }

  async cancel(): Promise<void> {
    if (this.#active !== null) await this.#cancel(this.#active);
  }

  /** Ends the flow that is open if there is a reason to, by what it was begun with. */
  cancelIf(cancelReason: (oauthContext: OAuthContext) => string | null): void {
    const active = this.#active;
    if (!active?.oauthContext) return;
    const reason = cancelReason(active.oauthContext);
    if (reason === null) return;
    active.isOutdated = true;
    void this.#cancel(active, reason);
  }

  async #cancel(active: ActiveFlow, reason?: string): Promise<void> {
    active.abort.abort();
    await active.flow.stop(reason);
    await active.started.catch(() => undefined);
    this.#end(active);
  }

  #create(
    method: FlowMethod,
    signal: AbortSignal,
    prepare: () => Promise<OAuthContext>,
  ): ActiveFlow {
    const flow = this.#createFlow(method);
    const abort = new AbortController();
    const active: ActiveFlow = {
      flow,
      abort,
      dispose: flow.events.on("viewChanged", () => this.#handleChange(active)),
      started: Promise.resolve(),
      isStarted: false,
      oauthContext: null,
      isOutdated: false,
    };
    this.#active = active;
    active.started = this.#start(active, AbortSignal.any([signal, abort.signal]), prepare);
    return active;
  }

  async #start(
    active: ActiveFlow,
    signal: AbortSignal,
    prepare: () => Promise<OAuthContext>,
  ): Promise<void> {
    try {
      // The one before may still be closing its port.
      await this.#previous?.stop();
      active.oauthContext = await prepare();
      if (signal.aborted) throw cancelled();
      await active.flow.start(signal);
    } catch (error) {
      active.dispose();
      if (this.#active === active) this.#active = null;
      await active.flow.stop();
      throw signal.aborted ? cancelled() : error;
    }
    active.isStarted = true;
    this.#handleChange(active);
  }

  #handleChange(active: ActiveFlow): void {
    if (this.#active !== active || !active.isStarted) return;
    this.#onChange();
    if (!active.flow.isOpen) this.#end(active);
  }

  #end(active: ActiveFlow): void {
    if (this.#active !== active) return;
    active.dispose();
    this.#previous = active.flow;
    this.#active = null;
    this.#onChange();
  }
}
