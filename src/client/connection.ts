import type { Readable, Writable } from "node:stream";

import {
  AbstractMessageReader,
  AbstractMessageWriter,
  CancellationToken,
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  ResponseError,
} from "vscode-jsonrpc/node";
import type {
  DataCallback,
  Disposable,
  Message,
  MessageConnection,
  MessageWriter,
} from "vscode-jsonrpc/node";

import { FrameBuffer, FrameParser } from "../platform/json-rpc/framing.js";
import { RpcError } from "./errors.js";
import { ListenerEmitter } from "./listener-emitter.js";

const REQUEST_CANCELLED = -32800;
const WRITTEN = Promise.resolve();
/**
 * So many received messages may wait for a slow host. Beyond, the worker's output is not read, so
 * that the worker, which sends the latest states only, waits instead.
 */
const MAX_QUEUED = 64;

interface ConnectionEvents {
  readonly notified: { readonly method: string; readonly params: unknown };
  /** The worker violated the protocol. `isFatal`: what follows cannot be read any more. */
  readonly protocolError: { readonly error: Error; readonly isFatal: boolean };
}

export interface ConnectionOptions {
  /** Called with each message that is written, with its header. */
  readonly onWrite?: (bytes: Buffer) => void;
}

/**
 * A host's end of the protocol over two byte streams: vscode-jsonrpc with the worker's own framing.
 * The library's reader falls silent after a stray line, and its writer takes two writes and a turn
 * of the event loop for each message.
 */
export class RpcConnection {
  readonly events = new ListenerEmitter<ConnectionEvents>();
  readonly #rpc: MessageConnection;
  /** Received messages that wait for their turn. */
  #queued = 0;
  #onHandled: () => void = () => undefined;
  #closeReason: Error | null = null;

  constructor(input: Readable, output: Writable, { onWrite }: ConnectionOptions = {}) {
    const openRequests = new Set<unknown>();
    const reader = new FrameReader(input, openRequests, {
      received: () => {
        this.#queued += 1;
        if (this.#queued >= MAX_QUEUED) reader.pause();
      },
      invalid: (text, isFatal) => {
        this.events.emit("protocolError", { error: new Error(text), isFatal });
      },
    });
    const writer = new FrameWriter(output, openRequests, onWrite);
    this.#rpc = createMessageConnection(reader, writer, undefined, {
      messageStrategy: {
        handleMessage: (message, next) => {
          this.#queued -= 1;
          if (this.#queued < MAX_QUEUED) reader.resume();
          const handled = next(message);
          this.#onHandled();
          return handled;
        },
      },
    });
    this.#rpc.onNotification((method: string, params: unknown) => {
      this.events.emit("notified", { method, params });
    });
    this.#rpc.listen();
  }

  /**
   * Rejects with an `RpcError` for an error response, and with the reason given to `close`. An
   * aborted signal cancels the request: the worker then responds with -32800, or with the result if
   * it has it already.
   */
  async request(method: string, params?: object, signal?: AbortSignal): Promise<unknown> {
    if (this.#closeReason !== null) throw this.#closeReason;
    if (signal?.aborted === true) {
      throw new RpcError(REQUEST_CANCELLED, "The request was cancelled before it was sent.");
    }
    const source = signal === undefined ? null : new CancellationTokenSource();
    const cancel = (): void => source?.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    // Left out, the token would be sent as a second parameter.
    const token = source?.token ?? CancellationToken.None;
    try {
      return await (params === undefined
        ? this.#rpc.sendRequest(method, token)
        : this.#rpc.sendRequest(method, params, token));
    } catch (error) {
      throw this.#toError(error);
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  notify(method: string, params?: object): void {
    if (this.#closeReason !== null) return;
    void (params === undefined
      ? this.#rpc.sendNotification(method)
      : this.#rpc.sendNotification(method, params));
  }

  /**
   * Call it at the end of the input: once all received messages are handled, rejects all pending
   * requests, and at once all later ones.
   */
  async close(reason: Error): Promise<void> {
    this.#closeReason ??= reason;
    if (this.#queued > 0) {
      await new Promise<void>((resolve) => {
        this.#onHandled = () => {
          if (this.#queued === 0) resolve();
        };
      });
    }
    this.#rpc.dispose();
  }

  #toError(error: unknown): unknown {
    if (!(error instanceof ResponseError)) return error;
    if (error.code === ErrorCodes.PendingResponseRejected && this.#closeReason !== null) {
      return this.#closeReason;
    }
    return new RpcError(error.code, error.message, error.data);
  }
}

interface ReaderCallbacks {
  /** A message waits for its turn. */
  received(): void;
  invalid(text: string, isFatal: boolean): void;
}

class FrameReader extends AbstractMessageReader {
  readonly #input: Readable;
  readonly #openRequests: Set<unknown>;
  readonly #callbacks: ReaderCallbacks;
  #deliver: DataCallback = () => undefined;
  readonly #parser = new FrameParser({
    body: (bytes) => this.#handleBody(bytes),
    invalid: (reason) => this.#invalid(reason),
  });
  readonly #onData = (chunk: Buffer): void => this.#parser.push(chunk);
  #isPaused = false;

  constructor(input: Readable, openRequests: Set<unknown>, callbacks: ReaderCallbacks) {
    super();
    this.#input = input;
    this.#openRequests = openRequests;
    this.#callbacks = callbacks;
  }

  override listen(callback: DataCallback): Disposable {
    this.#deliver = callback;
    this.#input.on("data", this.#onData);
    return { dispose: () => this.dispose() };
  }

  override dispose(): void {
    super.dispose();
    this.#input.off("data", this.#onData);
  }

  pause(): void {
    this.#isPaused = true;
    this.#input.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#input.resume();
  }

  #handleBody(bytes: Buffer): void {
    let message: (Message & { readonly id?: unknown; readonly method?: string }) | null;
    try {
      message = JSON.parse(bytes.toString("utf8")) as typeof message;
    } catch {
      message = null;
    }
    if (typeof message !== "object" || message === null) {
      this.#invalid("a body is not a JSON object");
      return;
    }
    if (message.method === undefined && !this.#openRequests.delete(message.id)) {
      const { message: text = "a result" } =
        (message as { error?: { message?: string } }).error ?? {};
      this.#callbacks.invalid(`The worker responded to no request of this host: ${text}`, false);
      return;
    }
    this.#callbacks.received();
    this.#deliver(message);
  }

  #invalid(reason: string): void {
    this.#callbacks.invalid(`The worker's output is not valid JSON-RPC: ${reason}.`, true);
  }
}

class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #output: Writable;
  readonly #openRequests: Set<unknown>;
  readonly #onWrite: ConnectionOptions["onWrite"];
  readonly #frames = new FrameBuffer();

  constructor(output: Writable, openRequests: Set<unknown>, onWrite: ConnectionOptions["onWrite"]) {
    super();
    this.#output = output;
    this.#openRequests = openRequests;
    this.#onWrite = onWrite;
    // Writes to a worker that has just exited fail; its exit is reported elsewhere.
    output.on("error", () => undefined);
  }

  /** Never rejects, for the same reason. */
  write(message: Message): Promise<void> {
    const { id, method } = message as { id?: unknown; method?: string };
    if (method !== undefined && id !== undefined) this.#openRequests.add(id);
    this.#frames.add(JSON.stringify(message));
    const bytes = this.#frames.drain();
    this.#onWrite?.(bytes);
    this.#output.write(bytes);
    return WRITTEN;
  }

  end(): void {
    // The input of the worker stays open until its process ends.
  }
}
