import type { Readable, Writable } from "node:stream";

import { createMessageConnection, Event, RAL, ResponseError } from "vscode-jsonrpc";
import type {
  AbstractCancellationTokenSource,
  CancellationToken,
  Message,
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
import { answerWritten, HeldMessages, MESSAGES_PER_TURN } from "./held-messages.js";
import { CANCEL, EXIT, RequestIds, ValidatingReader } from "./validating-reader.js";

const SHUTDOWN = "shutdown";
const REQUEST_CANCELLED = -32800;
const INTERNAL_ERROR = -32603;
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
  #held: HeldMessages | null = null;
  #queuedRequests = 0;
  #queuedMessages = 0;
  #onEnd: ((end: ChannelEndReason) => void) | null = null;
  #hasEnded = false;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  listen(handlers: ChannelHandlers, onEnd: (end: ChannelEndReason) => void): void {
    installRuntimeLayer();
    this.#onEnd = onEnd;
    const writer = new BatchingWriter(this.#output, this.#ids, {
      overloaded: () => {
        reader.isHolding = true;
      },
      drained: () => {
        held.release();
        this.events.emit("drained");
      },
      failed: () => this.#end("outputBroken"),
    });
    const held = new HeldMessages(
      () => !writer.isOverloaded,
      () => {
        reader.isHolding = writer.isOverloaded;
      },
    );
    const mustHold = (): boolean => writer.isOverloaded || !held.isEmpty;
    const reader = new ValidatingReader(this.#input, this.#ids, {
      rejected: (id, code, message) => {
        const reject = (): void => writer.send({ jsonrpc: "2.0", id, error: { code, message } });
        if (mustHold()) held.add(null, reject);
        else reject();
      },
      requestQueued: () => {
        this.#queuedRequests += 1;
      },
      messageQueued: () => {
        this.#queuedMessages += 1;
        if (this.#queuedMessages === MAX_QUEUED_MESSAGES) reader.isBusy = true;
      },
      ended: () => void this.#endAfterQueued("inputEnded", writer),
      failed: (code, message) => {
        writer.send({ jsonrpc: "2.0", id: null, error: { code, message } });
        void this.#endAfterQueued("protocolError", writer);
      },
    });
    this.#writer = writer;
    this.#held = held;
    const connection = createMessageConnection(reader, writer, undefined, {
      cancellationStrategy: {
        receiver: { createCancellationTokenSource: () => new RequestCancellation() },
        sender: { sendCancellation: () => Promise.resolve(), cleanup: () => undefined },
      },
      messageStrategy: {
        handleMessage: (message, next) => {
          const method = methodOf(message);
          const handle = (): void | Promise<void> => {
            if (method !== CANCEL) this.#queuedMessages -= 1;
            if (this.#queuedMessages === MAX_QUEUED_MESSAGES / 2) reader.isBusy = false;
            return next(message);
          };
          // A peer that reads nothing any more may still end the process.
          if (method === EXIT) held.handleFirst(SHUTDOWN);
          if (method === EXIT || !mustHold()) return handle();
          held.add(method, () => void handle());
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
    this.#held?.clear();
    for (const call of this.#liveRequests) call.cancel();
    this.#liveRequests.clear();
  }
}

/** The worker sends no requests, so that it gets no responses, which have no method. */
function methodOf(message: Message): string | null {
  return (message as Partial<RequestMessage>).method ?? null;
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
    setImmediate(() => void runTurn());
  }
  return { dispose: () => undefined };
}

async function runTurn(): Promise<void> {
  for (let handled = 0; handled < MESSAGES_PER_TURN && queue.length > 0; handled += 1) {
    queue.shift()?.();
    await answerWritten();
  }
  isScheduled = queue.length > 0;
  if (isScheduled) setImmediate(() => void runTurn());
}
