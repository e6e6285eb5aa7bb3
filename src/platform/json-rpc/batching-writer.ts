import type { Writable } from "node:stream";

import { AbstractMessageWriter } from "vscode-jsonrpc";
import type { Message, MessageWriter } from "vscode-jsonrpc";

import { FrameBuffer } from "./frame-buffer.js";
import type { RequestIds } from "./request-ids.js";

/** More unsent output than this is too much: nothing that asks for more is taken until it has left. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** What is collected in one tick is written early from this size on, so that it does not grow without bound. */
const EARLY_WRITE_BYTES = 1024 * 1024;
const DONE = Promise.resolve();

export interface WriterEvents {
  /** The peer reads again and everything has left. */
  drained(): void;
  /** More than 16 MB wait to be read; `drained` follows. */
  isOverloaded(): void;
  /** Once: nothing can be written any more. */
  broken(): void;
}

/**
 * Writes what one tick produced in one piece: a write a message costs most of vscode-jsonrpc's throughput. Never rejects and
 * never lets an output error become an uncaught one: a host that is gone shows in `broken` alone.
 */
export class BatchingWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #output: Writable;
  readonly #ids: RequestIds;
  readonly #events: WriterEvents;
  readonly #batch = new FrameBuffer();
  #scheduled = false;
  #pendingWrites = 0;
  #isCongested = false;
  #isOverloaded = false;
  #isSealed = false;
  #isBroken = false;
  readonly #idleWaiters = new Set<() => void>();
  readonly #drainWaiters = new Set<() => void>();

  constructor(output: Writable, ids: RequestIds, events: WriterEvents) {
    super();
    this.#output = output;
    this.#ids = ids;
    this.#events = events;
    output.on("drain", () => this.#onDrain());
    output.on("error", () => this.#fail());
    output.on("close", () => this.#fail());
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  get isOverloaded(): boolean {
    return this.#isOverloaded;
  }

  /** What vscode-jsonrpc calls: a response leaves under the id that its request came with. */
  write(message: Message): Promise<void> {
    const response = message as Message & { id?: number | null; method?: string };
    if (response.method === undefined && typeof response.id === "number") {
      this.send({ ...response, id: this.#ids.remove(response.id) });
    } else {
      this.send(message);
    }
    return DONE;
  }

  send(message: object): void {
    if (this.#isSealed) return;
    this.#batch.add(this.#toJson(message));
    if (this.#batch.length > EARLY_WRITE_BYTES) {
      this.#writeBatch();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(() => {
        this.#scheduled = false;
        this.#writeBatch();
      });
    }
  }

  /** Takes nothing more; what was taken still leaves. */
  seal(): void {
    this.#isSealed = true;
  }

  end(): void {
    this.seal();
  }

  /** Resolves when everything written has left (or cannot), at the latest after `deadlineMs`. */
  flush(deadlineMs: number): Promise<void> {
    if (this.#isIdle()) return DONE;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#idleWaiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, deadlineMs);
      this.#idleWaiters.add(done);
    });
  }

  /** Resolves when the peer has read what made the output overfull, or is gone. */
  whenDrained(): Promise<void> {
    if (!this.#isOverloaded || this.#isBroken) return DONE;
    return new Promise((resolve) => this.#drainWaiters.add(resolve));
  }

  #toJson(message: object): string {
    try {
      return JSON.stringify(message);
    } catch {
      // A result that JSON cannot hold is a defect, and its request has to be answered all the same.
      const id = (message as { id?: unknown }).id ?? null;
      return JSON.stringify({
        jsonrpc: "2.0",
        id,
        error: { code: -32603, message: "The result cannot be written as JSON." },
      });
    }
  }

  #writeBatch(): void {
    if (this.#batch.length === 0 || this.#isBroken) return;
    this.#pendingWrites += 1;
    const hasCapacity = this.#output.write(this.#batch.drain(), (error) => {
      this.#pendingWrites -= 1;
      if (error) this.#fail();
      this.#settleIdle();
    });
    if (hasCapacity) return;
    this.#isCongested = true;
    if (!this.#isOverloaded && this.#output.writableLength > MAX_UNSENT_BYTES) {
      this.#isOverloaded = true;
      this.#events.isOverloaded();
    }
  }

  #onDrain(): void {
    if (this.#isBroken || !this.#isCongested) return;
    this.#isCongested = false;
    this.#isOverloaded = false;
    this.#resolveAll(this.#drainWaiters);
    this.#events.drained();
  }

  #fail(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#isSealed = true;
    this.#batch.clear();
    this.#resolveAll(this.#drainWaiters);
    this.#settleIdle();
    this.#events.broken();
  }

  #isIdle(): boolean {
    return this.#isBroken || (this.#batch.length === 0 && this.#pendingWrites === 0);
  }

  #settleIdle(): void {
    if (this.#isIdle()) this.#resolveAll(this.#idleWaiters);
  }

  #resolveAll(waiters: Set<() => void>): void {
    for (const resolve of [...waiters]) {
      waiters.delete(resolve);
      resolve();
    }
  }
}
