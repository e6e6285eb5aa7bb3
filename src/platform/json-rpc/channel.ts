import type { Readable, Writable } from "node:stream";

import { createMessageConnection, Event, Message, RAL, ResponseError } from "vscode-jsonrpc";
import type {
  AbstractCancellationTokenSource,
  CancellationToken,
  MessageConnection,
  RequestMessage,
} from "vscode-jsonrpc";

import { Emitter } from "../../faults/emitter.js";
import type {
  Channel,
  ChannelEndReason,
  ChannelEvents,
  ChannelHandlers,
  RequestCall,
  WireError,
} from "../../ports/channel.js";
import { BatchingWriter } from "./batching-writer.js";
import { CANCEL, RequestIds, ValidatingReader } from "./validating-reader.js";

const REQUEST_CANCELLED = -32800;
const INTERNAL_ERROR = -32603;
/** Messages handled before the event loop continues. */
const MESSAGES_PER_TURN = 64;
/** While more messages wait for their turn, nothing is read: a flood would fill the memory. */
const MAX_QUEUED_MESSAGES = 1_024;
/** How long the end of the channel waits for the -32700 reply to be written. */
const LAST_REPLY_TIMEOUT_MS = 500;

/** JSON-RPC over two streams: vscode-jsonrpc with a reader and a writer of our own. */
export class JsonRpcChannel implements Channel {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #ids = new RequestIds();
  readonly #liveRequests = new Set<RequestCancellation>();
  readonly events = new Emitter<ChannelEvents>();
  #connection: MessageConnection | null = null;
  #writer: BatchingWriter | null = null;
  #queuedRequests = 0;
  #queuedMessages = 0;
  #onEnd: ((end: ChannelEndReason) => void) | null = null;
  #hasEnded = false;
  #heldShutdowns: (() => void | Promise<void>)[] = [];

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  listen(handlers: ChannelHandlers, onEnd: (end: ChannelEndReason) => void): void {
    installRuntimeLayer();
    this.#onEnd = onEnd;
    const writer = new BatchingWriter(this.#output, this.#ids, {
      overloaded: () => reader.pause(),
      drained: () => {
        reader.resume();
        this.events.emit("drained");
      },
      failed: () => this.#end("outputBroken"),
    });
    const reader = new ValidatingReader(this.#input, this.#ids, {
      rejected: (id, code, message) =>
        writer.send({ jsonrpc: "2.0", id, error: { code, message } }),
      requestQueued: () => {
        this.#queuedRequests += 1;
      },
      messageQueued: () => {
        this.#queuedMessages += 1;
        if (this.#queuedMessages === MAX_QUEUED_MESSAGES) reader.isBusy = true;
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
        handleMessage: (message, next) => {
          if (!isCancellation(message)) this.#queuedMessages -= 1;
          if (this.#queuedMessages === MAX_QUEUED_MESSAGES / 2) reader.isBusy = false;
          return this.#handleOrHold(message, next, writer);
        },
      },
    });
    connection.onRequest((method: string, params: unknown, token: CancellationToken) => {
      this.#queuedRequests -= 1;
      const call = token as RequestCancellation;
      if (call.isCancelled || this.#hasEnded)
        return new ResponseError(REQUEST_CANCELLED, "The request was cancelled.");
      try {
        const result = handlers.request(method, params, call);
        return result instanceof Promise ? this.#answerAsync(result, call) : result;
      } catch (error) {
        return toResponseError(error);
      }
    });
    connection.onNotification((method: string, params: unknown) =>
      handlers.notification(method, params),
    );
    connection.listen();
    this.#connection = connection;
  }

  notify(method: string, params: unknown): void {
    if (this.#hasEnded) return;
    void this.#connection?.sendNotification(method, params);
  }

  get isCongested(): boolean {
    return this.#writer?.isCongested ?? false;
  }

  async flush(deadlineMs: number): Promise<void> {
    // Answers of the current turn are written at its end.
    await nextTurn();
    await this.#writer?.flush(deadlineMs);
  }

  dispose(): void {
    this.#stop();
    this.#connection?.dispose();
    this.#connection = null;
  }

  /**
   * Requests wait while the peer does not read. It may still end the process: `exit` does not wait,
   * nor does a `shutdown` before it.
   */
  #handleOrHold(
    message: Message,
    next: (message: Message) => void | Promise<void>,
    writer: BatchingWriter,
  ): void | Promise<void> {
    const { method } = message as Partial<RequestMessage>;
    if (method === "exit") for (const handle of this.#heldShutdowns.splice(0)) void handle();
    if (!writer.isOverloaded || !Message.isRequest(message) || method === "exit")
      return next(message);
    let isHandled = false;
    const handle = (): void | Promise<void> => {
      if (isHandled) return;
      isHandled = true;
      return next(message);
    };
    if (method === "shutdown") this.#heldShutdowns.push(handle);
    return writer.whenDrained().then(handle);
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

  /** Requests before the end of the input are answered first, unless they have to wait. */
  async #endAfterQueued(end: ChannelEndReason, writer: BatchingWriter): Promise<void> {
    while (this.#queuedRequests > 0 && !writer.isOverloaded && !this.#hasEnded) await nextTurn();
    await nextTurn();
    if (end === "protocolError") await writer.flush(LAST_REPLY_TIMEOUT_MS);
    this.#end(end);
  }

  #end(end: ChannelEndReason): void {
    if (this.#hasEnded) return;
    this.#stop();
    this.#onEnd?.(end);
  }

  #stop(): void {
    this.#hasEnded = true;
    this.#writer?.end();
    for (const call of this.#liveRequests) call.cancel();
    this.#liveRequests.clear();
  }
}

function isCancellation(message: Message): boolean {
  return (message as Partial<RequestMessage>).method === CANCEL;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The peer learns nothing of an error that is not a `WireError`. */
function toResponseError(error: unknown): ResponseError<unknown> {
  if (typeof error === "object" && error !== null && Object.hasOwn(error, "code")) {
    // An own property: a DOMException inherits a numeric `code`.
    const { code, message, data } = error as WireError;
    if (Number.isInteger(code)) return new ResponseError(code, message, data);
  }
  return new ResponseError(INTERNAL_ERROR, "Internal error.");
}

/**
 * Presents vscode-jsonrpc's cancellation of one request as an `AbortSignal`. It is its own token,
 * and creates the signal when it is first read: an AbortController for each request would cost as
 * much as answering a query.
 */
class RequestCancellation
  implements AbstractCancellationTokenSource, CancellationToken, RequestCall
{
  readonly token = this;
  readonly onCancellationRequested: CancellationToken["onCancellationRequested"] = Event.None;
  isCancelled = false;
  #controller: AbortController | null = null;

  get isCancellationRequested(): boolean {
    return this.isCancelled;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.isCancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  cancel(): void {
    this.isCancelled = true;
    this.#controller?.abort();
  }

  dispose(): void {
    this.#controller = null;
  }
}

const queue: (() => void)[] = [];
let isScheduled = false;

/**
 * Gives the platform-independent part of vscode-jsonrpc the runtime functions that it needs.
 * Loading `vscode-jsonrpc/node` instead would delay the first answer by about 10 ms (net, crypto,
 * os and readers that are not used here), and it handles one message in each turn of the event
 * loop, while a batch of requests is answered in one write only if it is handled in one turn. Where
 * that module is loaded (host and worker in one process, as in tests), its buffers and encoders
 * stay.
 */
function installRuntimeLayer(): void {
  let current: RAL;
  try {
    current = RAL();
  } catch {
    // All else that the library can use is needed only by its own reader, writer and cancellation.
    current = { console, timer: {} } as unknown as RAL;
  }
  RAL.install({ ...current, timer: { ...current.timer, setImmediate: queueTask } });
}

/** The library never disposes of a task. */
function queueTask(callback: () => void): { dispose(): void } {
  queue.push(callback);
  if (!isScheduled) {
    isScheduled = true;
    setImmediate(runTurn);
  }
  return { dispose: () => undefined };
}

function runTurn(): void {
  for (let handled = 0; handled < MESSAGES_PER_TURN; handled += 1) queue.shift()?.();
  isScheduled = queue.length > 0;
  if (isScheduled) setImmediate(runTurn);
}
