import type { Readable, Writable } from "node:stream";

import { createMessageConnection, Message, ResponseError } from "vscode-jsonrpc";
import type { CancellationToken, MessageConnection } from "vscode-jsonrpc";

import { Emitter } from "../../faults/emitter.js";
import type {
  Channel,
  ChannelEndReason,
  ChannelEvents,
  ChannelHandlers,
  WireError,
} from "../../ports/channel.js";
import { RequestCancellation } from "./call-cancellation.js";
import { ValidatingReader } from "./validating-reader.js";
import { RequestIds } from "./request-ids.js";
import { installRuntimeLayer } from "./runtime-layer.js";
import { BatchingWriter } from "./batching-writer.js";

const REQUEST_CANCELLED = -32800;
const INTERNAL_ERROR = -32603;
/** How long the -32700 reply may take to leave before the end of the channel is told all the same. */
const LAST_REPLY_TIMEOUT_MS = 500;

/** JSON-RPC over two streams, by vscode-jsonrpc between a reader and a writer of our own. */
export class JsonRpcChannel implements Channel {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #ids = new RequestIds();
  readonly #liveRequests = new Set<RequestCancellation>();
  readonly events = new Emitter<ChannelEvents>();
  #connection: MessageConnection | null = null;
  #writer: BatchingWriter | null = null;
  #queuedRequests = 0;
  #onEnd: ((end: ChannelEndReason) => void) | null = null;
  #ended = false;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  listen(handlers: ChannelHandlers, onEnd: (end: ChannelEndReason) => void): void {
    installRuntimeLayer();
    this.#onEnd = onEnd;
    const writer = new BatchingWriter(this.#output, this.#ids, {
      isOverloaded: () => reader.pause(),
      drained: () => {
        reader.resume();
        this.events.emit("drained");
      },
      broken: () => this.#end("outputBroken"),
    });
    const reader = new ValidatingReader(this.#input, this.#ids, {
      reject: (id, code, message) => writer.send({ jsonrpc: "2.0", id, error: { code, message } }),
      requestQueued: () => {
        this.#queuedRequests += 1;
      },
      ended: (end) => void this.#endAfterQueued(end, writer),
    });
    this.#writer = writer;
    const connection = createMessageConnection(reader, writer, undefined, {
      cancellationStrategy: {
        receiver: { createCancellationTokenSource: () => new RequestCancellation() },
        sender: { sendCancellation: () => Promise.resolve(), cleanup: () => undefined },
      },
      messageStrategy: {
        handleMessage: (message, next) =>
          writer.isOverloaded && Message.isRequest(message)
            ? writer.whenDrained().then(() => next(message))
            : next(message),
      },
    });
    connection.onRequest((method: string, params: unknown, token: CancellationToken) =>
      this.#answer(handlers, method, params, token as RequestCancellation),
    );
    connection.onNotification((method: string, params: unknown) =>
      handlers.notification(method, params),
    );
    connection.listen();
    this.#connection = connection;
  }

  notify(method: string, params: unknown): void {
    if (this.#ended) return;
    void this.#connection?.sendNotification(method, params);
  }

  get isCongested(): boolean {
    return this.#writer?.isCongested ?? false;
  }

  async flush(deadlineMs: number): Promise<void> {
    // What is being answered in this very turn is written at its end.
    await nextTurn();
    await this.#writer?.flush(deadlineMs);
  }

  dispose(): void {
    this.#ended = true;
    this.#cancelLive();
    this.#writer?.seal();
    this.#connection?.dispose();
    this.#connection = null;
  }

  #answer(
    handlers: ChannelHandlers,
    method: string,
    params: unknown,
    call: RequestCancellation,
  ): unknown {
    this.#queuedRequests -= 1;
    if (call.isCancelled || this.#ended)
      return new ResponseError(REQUEST_CANCELLED, "The request was cancelled.");
    try {
      const result = handlers.request(method, params, call);
      return result instanceof Promise ? this.#answerAsync(result, call) : result;
    } catch (error) {
      return toResponseError(error);
    }
  }

  async #answerAsync(result: Promise<unknown>, call: RequestCancellation): Promise<unknown> {
    this.#liveRequests.add(call);
    try {
      return await result;
    } catch (error) {
      return toResponseError(error);
    } finally {
      this.#liveRequests.delete(call);
    }
  }

  /** Requests that came before the end of the input are answered first, as far as they need no waiting. */
  async #endAfterQueued(end: ChannelEndReason, writer: BatchingWriter): Promise<void> {
    while (this.#queuedRequests > 0 && !writer.isOverloaded && !this.#ended) await nextTurn();
    await nextTurn();
    if (end === "notTheProtocol") await writer.flush(LAST_REPLY_TIMEOUT_MS);
    this.#end(end);
  }

  #end(end: ChannelEndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#writer?.seal();
    this.#cancelLive();
    this.#onEnd?.(end);
  }

  #cancelLive(): void {
    for (const call of this.#liveRequests) call.cancel();
    this.#liveRequests.clear();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Anything that is not a wire error of our own making says nothing of itself to the peer. */
function toResponseError(error: unknown): ResponseError<unknown> {
  if (isWireError(error)) return new ResponseError(error.code, error.message, error.data);
  return new ResponseError(INTERNAL_ERROR, "Internal error.");
}

function isWireError(error: unknown): error is WireError {
  // A member of its own: a DOMException has a numeric `code` too, by inheritance.
  return (
    typeof error === "object" &&
    error !== null &&
    Object.hasOwn(error, "code") &&
    Number.isInteger((error as WireError).code)
  );
}
