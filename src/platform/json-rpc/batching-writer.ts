import type { Writable } from "node:stream";

import { AbstractMessageWriter } from "vscode-jsonrpc";
import type { Message, MessageWriter } from "vscode-jsonrpc";

import { withTimeout } from "../system-clock.js";
import { FrameBuffer } from "./framing.js";
import type { RequestIds } from "./validating-reader.js";

/** Above it, no further request is handled until the output is written. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** From this size on, a batch is written before the end of its tick. */
const EARLY_WRITE_BYTES = 1024 * 1024;
const DONE = Promise.resolve();

export interface WriterCallbacks {
  /** The peer reads again, and all output is written. */
  drained(): void;
  /** More than 16 MB of output are unsent; `drained` follows. */
  overloaded(): void;
  /** Called once, when nothing can be written any more. */
  failed(): void;
}

/**
 * Writes all messages of one tick in one call: one call for each message would cost most of
 * vscode-jsonrpc's throughput. `write` never rejects and an output error is never an uncaught
 * exception: the only sign of a lost host is `failed`.
 */
export class BatchingWriter extends AbstractMessageWriter implements MessageWriter {
  isCongested = false;
  isOverloaded = false;
  readonly #output: Writable;
  readonly #ids: RequestIds;
  readonly #callbacks: WriterCallbacks;
  readonly #batch = new FrameBuffer();
  #isScheduled = false;
  #pendingWrites = 0;
  #isSealed = false;
  #hasFailed = false;
  #idleWaiters: (() => void)[] = [];

  constructor(output: Writable, ids: RequestIds, callbacks: WriterCallbacks) {
    super();
    this.#output = output;
    this.#ids = ids;
    this.#callbacks = callbacks;
    output.on("drain", () => this.#onDrain());
    output.on("error", () => this.#fail());
    output.on("close", () => this.#fail());
  }

  /** Called by vscode-jsonrpc. A response gets back the id of its request. */
  write(message: Message): Promise<void> {
    const { id, method } = message as Message & { id?: number | null; method?: string };
    if (method !== undefined || typeof id !== "number") this.send(message);
    else this.send({ ...message, id: this.#ids.remove(id) });
    return DONE;
  }

  send(message: object): void {
    if (this.#isSealed) return;
    this.#batch.add(toJson(message));
    if (this.#batch.length > EARLY_WRITE_BYTES) {
      this.#writeBatch();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      process.nextTick(() => {
        this.#isScheduled = false;
        this.#writeBatch();
      });
    }
  }

  /** Accepts nothing more; what was accepted is still written. */
  end(): void {
    this.#isSealed = true;
  }

  /** Resolves when all output is written or has failed, at the latest after `deadlineMs`. */
  async flush(deadlineMs: number): Promise<void> {
    if (this.#isIdle()) return;
    const idle = new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    await withTimeout(idle, deadlineMs, undefined);
  }

  #writeBatch(): void {
    if (this.#batch.length === 0 || this.#hasFailed) return;
    this.#pendingWrites += 1;
    const hasCapacity = this.#output.write(this.#batch.drain(), (error) => {
      this.#pendingWrites -= 1;
      if (error) this.#fail();
      this.#settleIdle();
    });
    if (hasCapacity) return;
    this.isCongested = true;
    if (!this.isOverloaded && this.#output.writableLength > MAX_UNSENT_BYTES) {
      this.isOverloaded = true;
      this.#callbacks.overloaded();
    }
  }

  #onDrain(): void {
    if (this.#hasFailed || !this.isCongested) return;
    this.isCongested = false;
    this.isOverloaded = false;
    this.#callbacks.drained();
  }

  #fail(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#isSealed = true;
    this.#batch.clear();
    this.#settleIdle();
    this.#callbacks.failed();
  }

  #isIdle(): boolean {
    return this.#hasFailed || (this.#batch.length === 0 && this.#pendingWrites === 0);
  }

  #settleIdle(): void {
    if (this.#isIdle()) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}

function toJson(message: object): string {
  try {
    return JSON.stringify(message);
  } catch {
    // A result that JSON cannot represent is a defect, but its request needs an answer.
    const { id = null } = message as { id?: unknown };
    const error = { code: -32603, message: "The result cannot be serialized as JSON." };
    return JSON.stringify({ jsonrpc: "2.0", id, error });
  }
}
