import type { Readable, Writable } from "node:stream";

import { createMessageConnection, Message, ResponseError } from "vscode-jsonrpc";
import type { CancellationToken, MessageConnection } from "vscode-jsonrpc";

import { Emitter } from "../../faults/emitter.js";
import type { Channel, ChannelEnd, ChannelEvents, ChannelHandlers, WireError } from "../../ports/channel.js";
import { CallCancellation } from "./call-cancellation.js";
import { GuardedReader } from "./guarded-reader.js";
import { RequestIds } from "./request-ids.js";
import { installRuntimeLayer } from "./runtime-layer.js";
import { TickWriter } from "./tick-writer.js";

const REQUEST_CANCELLED = -32800;
const INTERNAL_ERROR = -32603;
/** How long the -32700 reply may take to leave before the end of the channel is told all the same. */
const LAST_REPLY_MS = 500;

/** JSON-RPC over two streams, by vscode-jsonrpc between a reader and a writer of our own. */
export class JsonRpcChannel implements Channel {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #ids = new RequestIds();
  readonly #live = new Set<CallCancellation>();
  readonly events = new Emitter<ChannelEvents>();
  #connection: MessageConnection | null = null;
  #writer: TickWriter | null = null;
  #waitingRequests = 0;
  #onEnd: ((end: ChannelEnd) => void) | null = null;
  #ended = false;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  listen(handlers: ChannelHandlers, onEnd: (end: ChannelEnd) => void): void {
    installRuntimeLayer();
    this.#onEnd = onEnd;
    const writer = new TickWriter(this.#output, this.#ids, {
      overfull: () => reader.hold(),
      drained: () => {
        reader.release();
        this.events.emit("drained");
      },
      broken: () => this.#end("outputBroken"),
    });
    const reader = new GuardedReader(this.#input, this.#ids, {
      refuse: (id, code, message) => writer.send({ jsonrpc: "2.0", id, error: { code, message } }),
      requestWaiting: () => {
        this.#waitingRequests += 1;
      },
      over: (end) => void this.#endAfterAnswers(end, writer),
    });
    this.#writer = writer;
    const connection = createMessageConnection(reader, writer, undefined, {
      cancellationStrategy: {
        receiver: { createCancellationTokenSource: () => new CallCancellation() },
        sender: { sendCancellation: () => Promise.resolve(), cleanup: () => undefined },
      },
      messageStrategy: {
        handleMessage: (message, next) =>
          writer.overfull && Message.isRequest(message) ? writer.untilDrained().then(() => next(message)) : next(message),
      },
    });
    connection.onRequest((method: string, params: unknown, token: CancellationToken) =>
      this.#answer(handlers, method, params, token as CallCancellation),
    );
    connection.onNotification((method: string, params: unknown) => handlers.notification(method, params));
    connection.listen();
    this.#connection = connection;
  }

  notify(method: string, params: unknown): void {
    if (this.#ended) return;
    void this.#connection?.sendNotification(method, params);
  }

  get congested(): boolean {
    return this.#writer?.congested ?? false;
  }

  async flush(deadlineMs: number): Promise<void> {
    // What is being answered in this very turn is written at its end.
    await nextTurn();
    await this.#writer?.flush(deadlineMs);
  }

  dispose(): void {
    this.#ended = true;
    this.#abortLive();
    this.#writer?.seal();
    this.#connection?.dispose();
    this.#connection = null;
  }

  #answer(handlers: ChannelHandlers, method: string, params: unknown, call: CallCancellation): unknown {
    this.#waitingRequests -= 1;
    if (call.cancelled || this.#ended) return new ResponseError(REQUEST_CANCELLED, "The request was cancelled.");
    try {
      const result = handlers.request(method, params, call);
      return result instanceof Promise ? this.#answerLater(result, call) : result;
    } catch (error) {
      return toResponseError(error);
    }
  }

  async #answerLater(result: Promise<unknown>, call: CallCancellation): Promise<unknown> {
    this.#live.add(call);
    try {
      return await result;
    } catch (error) {
      return toResponseError(error);
    } finally {
      this.#live.delete(call);
    }
  }

  /** Requests that came before the end of the input are answered first, as far as they need no waiting. */
  async #endAfterAnswers(end: ChannelEnd, writer: TickWriter): Promise<void> {
    while (this.#waitingRequests > 0 && !writer.overfull && !this.#ended) await nextTurn();
    await nextTurn();
    if (end === "notTheProtocol") await writer.flush(LAST_REPLY_MS);
    this.#end(end);
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#writer?.seal();
    this.#abortLive();
    this.#onEnd?.(end);
  }

  #abortLive(): void {
    for (const call of this.#live) call.cancel();
    this.#live.clear();
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
    typeof error === "object" && error !== null && Object.hasOwn(error, "code") && Number.isInteger((error as WireError).code)
  );
}
