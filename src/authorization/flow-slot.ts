import { Fault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import type { Counterpart } from "./counterpart.js";
import type { Flow, FlowMethod, FlowView } from "./flow.js";
import { cancelled, throwIfCancelled } from "./single-flight.js";

interface LiveFlow {
  readonly flow: Flow;
  readonly abort: AbortController;
  readonly dispose: Disposer;
  /** Resolves when there is something for a person to do. */
  started: Promise<void>;
  begun: boolean;
  /** Null until it is known. */
  counterpart: Counterpart | null;
  /** Ended because it was begun with another counterpart than is wanted now. */
  outdated: boolean;
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

  /**
   * The flow of that method that is open, or a new one; `prepare` runs before it starts and says what it is begun with. Fault:
   * `authorizationInProgress`.
   */
  async begin(method: FlowMethod, signal: AbortSignal, prepare: () => Promise<Counterpart>): Promise<FlowView> {
    throwIfCancelled(signal);
    const open = this.#live;
    if (open !== null && open.flow.method !== method) {
      throw new Fault(
        "authorizationInProgress",
        `An authorization by ${open.flow.method} is open: it ends first, or is cancelled.`,
        {
          data: { method: open.flow.method },
        },
      );
    }
    const live = open ?? this.#launch(method, signal, prepare);
    try {
      await live.started;
      return live.flow.view;
    } catch (error) {
      // Who began it has called it off, or it went to the wrong place: whoever asked still wants one.
      const stillWanted = !signal.aborted && (open !== null || live.outdated);
      if (stillWanted && error instanceof Fault && error.code === "cancelled") return this.begin(method, signal, prepare);
      throw error;
    }
  }

  async cancel(): Promise<void> {
    if (this.#live !== null) await this.#callOff(this.#live);
  }

  /** Ends the flow that is open if there is a reason to, by what it was begun with. */
  endWhere(reasonToEnd: (counterpart: Counterpart) => string | null): void {
    const live = this.#live;
    if (!live?.counterpart) return;
    const reason = reasonToEnd(live.counterpart);
    if (reason === null) return;
    live.outdated = true;
    void this.#callOff(live, reason);
  }

  async #callOff(live: LiveFlow, reason?: string): Promise<void> {
    live.abort.abort();
    await live.flow.stop(reason);
    await live.started.catch(() => undefined);
    this.#end(live);
  }

  #launch(method: FlowMethod, signal: AbortSignal, prepare: () => Promise<Counterpart>): LiveFlow {
    const flow = this.#make(method);
    const abort = new AbortController();
    const live: LiveFlow = {
      flow,
      abort,
      dispose: flow.events.on("viewChanged", () => this.#hear(live)),
      started: Promise.resolve(),
      begun: false,
      counterpart: null,
      outdated: false,
    };
    this.#live = live;
    live.started = this.#start(live, AbortSignal.any([signal, abort.signal]), prepare);
    return live;
  }

  async #start(live: LiveFlow, signal: AbortSignal, prepare: () => Promise<Counterpart>): Promise<void> {
    try {
      // The one before may still be closing its port.
      await this.#previous?.stop();
      live.counterpart = await prepare();
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
