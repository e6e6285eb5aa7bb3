import { Emitter } from "../../src/faults/emitter.js";
import type {
  Channel,
  ChannelEndReason,
  ChannelEvents,
  ChannelHandlers,
  RequestCall,
  WireError,
} from "../../src/ports/channel.js";

export interface Outcome {
  readonly result?: unknown;
  readonly error?: WireError;
}

/** A channel without bytes, driven by the test as its host. Congestion delays nothing. */
export class FakeChannel implements Channel {
  /** All notifications to the host, in order. */
  readonly notifications: { readonly method: string; readonly params: unknown }[] = [];
  /** The order of responses (the id of the request) and notifications (the method). */
  readonly order: (string | number)[] = [];
  disposed = false;
  #handlers: ChannelHandlers | null = null;
  #onEnd: ((end: ChannelEndReason) => void) | null = null;
  #ended = false;
  #congested = false;
  readonly events = new Emitter<ChannelEvents>();
  readonly #live = new Map<string | number, AbortController>();

  listen(handlers: ChannelHandlers, onEnd: (end: ChannelEndReason) => void): void {
    this.#handlers = handlers;
    this.#onEnd = onEnd;
  }

  notify(method: string, params: unknown): void {
    if (this.#ended || this.disposed) return;
    this.notifications.push({ method, params });
    this.order.push(method);
  }

  get isCongested(): boolean {
    return this.#congested;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    this.disposed = true;
    this.#abortLive();
  }

  async request(method: string, params?: unknown, id: string | number = 1): Promise<Outcome> {
    const controller = new AbortController();
    this.#live.set(id, controller);
    const call: RequestCall = {
      signal: controller.signal,
      get isCancelled() {
        return controller.signal.aborted;
      },
    };
    let outcome: Outcome;
    try {
      outcome = { result: (await this.#handlers!.request(method, params, call)) ?? null };
    } catch (error) {
      const { code, message, data } = error as WireError;
      outcome = { error: { code, message, ...(data === undefined ? {} : { data }) } };
    }
    this.#live.delete(id);
    this.order.push(id);
    return outcome;
  }

  notifyWorker(method: string, params?: unknown): void {
    this.#handlers!.notification(method, params);
  }

  cancel(id: string | number): void {
    this.#live.get(id)?.abort();
  }

  end(end: ChannelEndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#abortLive();
    this.#onEnd?.(end);
  }

  stopReading(): void {
    this.#congested = true;
  }

  resumeReading(): void {
    this.#congested = false;
    this.events.emit("drained");
  }

  /** The parameters of all notifications of a method. */
  notificationsOf(method: string): unknown[] {
    return this.notifications.filter((t) => t.method === method).map((t) => t.params);
  }

  #abortLive(): void {
    for (const controller of this.#live.values()) controller.abort();
  }
}
