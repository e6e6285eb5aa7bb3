import { Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/feed.js";
import type { Flow, FlowMethod, FlowView } from "./flow.js";
import { cancelled, throwIfCancelled } from "./single-flight.js";

interface LiveFlow {
  readonly flow: Flow;
  readonly abort: AbortController;
  readonly dispose: Disposer;
  /** Resolves when there is something for a person to do. */
  started: Promise<void>;
  begun: boolean;
}

/** Room for one flow at a time. Each change is told; the end of a flow twice: with its last state, then as none. */
export class FlowSlot {
  readonly #make: (method: FlowMethod) => Flow;
  readonly #onChange: () => void;
  #live: LiveFlow | null = null;
  #previous: Flow | null = null;

  constructor(make: (method: FlowMethod) => Flow, onChange: () => void) {
    this.#make = make;
    this.#onChange = onChange;
  }

  /** The flow that is open, or has just ended; null otherwise. */
  get view(): FlowView | null {
    return this.#live?.begun === true ? this.#live.flow.view : null;
  }

  /** The flow of that method that is open, or a new one; `prepare` runs before it starts. Fault: `authorizationInProgress`. */
  async begin(method: FlowMethod, signal: AbortSignal, prepare: () => Promise<void>): Promise<FlowView> {
    throwIfCancelled(signal);
    const open = this.#live;
    if (open === null) return this.#launch(method, signal, prepare);
    if (open.flow.method !== method) {
      throw new Fault(
        "authorizationInProgress",
        `An authorization by ${open.flow.method} is open: it ends first, or is cancelled.`,
        {
          data: { method: open.flow.method },
        },
      );
    }
    try {
      await open.started;
      return open.flow.view;
    } catch (error) {
      // Who began it has called it off: whoever joined still wants it.
      if (error instanceof Fault && error.code === "cancelled" && !signal.aborted) return this.begin(method, signal, prepare);
      throw error;
    }
  }

  async cancel(): Promise<void> {
    const live = this.#live;
    if (live === null) return;
    live.abort.abort();
    await live.flow.stop();
    await live.started.catch(() => undefined);
    this.#end(live);
  }

  async #launch(method: FlowMethod, signal: AbortSignal, prepare: () => Promise<void>): Promise<FlowView> {
    const flow = this.#make(method);
    const abort = new AbortController();
    const live: LiveFlow = {
      flow,
      abort,
      dispose: flow.onChanged(() => this.#hear(live)),
      started: Promise.resolve(),
      begun: false,
    };
    this.#live = live;
    live.started = this.#start(live, AbortSignal.any([signal, abort.signal]), prepare);
    await live.started;
    return flow.view;
  }

  async #start(live: LiveFlow, signal: AbortSignal, prepare: () => Promise<void>): Promise<void> {
    try {
      // The one before may still be closing its port.
      await this.#previous?.stop();
      await prepare();
      if (signal.aborted) throw cancelled();
      await live.flow.start(signal);
    } catch (error) {
      live.dispose();
      if (this.#live === live) this.#live = null;
      await live.flow.stop();
      throw signal.aborted ? cancelled() : error;
    }
    live.begun = true;
    this.#hear(live);
  }

  #hear(live: LiveFlow): void {
    if (this.#live !== live || !live.begun) return;
    this.#onChange();
    if (!live.flow.open) this.#end(live);
  }

  #end(live: LiveFlow): void {
    if (this.#live !== live) return;
    live.dispose();
    this.#previous = live.flow;
    this.#live = null;
    this.#onChange();
  }
}
