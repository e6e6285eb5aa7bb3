import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";

import { AbstractMessageReader } from "vscode-jsonrpc";
import type { DataCallback, Disposable, Message } from "vscode-jsonrpc";

import { exceedsDepth } from "../../faults/json-depth.js";
import { continueReading, stopReading } from "../reading-stops.js";
import { FrameParser } from "./framing.js";

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
/** What is still read while messages are held. */
const MAX_HELD_BYTES = 1024 * 1024;
/** A request has at most four levels. */
const MAX_DEPTH = 64;
/** Smaller bodies cannot have so many levels that parsing them takes long. */
const MIN_DEEP_BYTES = 64 * 1024;
const BYTE_ORDER_MARK = "\ufeff";
export const CANCEL = "$/cancelRequest";
export const EXIT = "exit";
/** What a peer only ever sends as a notification. */
const NOTIFICATION_NAME = /^(exit|initialized|\$\/.*)$/s;

type RequestId = string | number;

export interface ReaderCallbacks {
  /** A body was not valid, and is not a notification either: the peer gets this error. */
  rejected(id: RequestId | null, code: number, message: string): void;
  /** A request was delivered and waits for its turn. */
  requestQueued(): void;
  /** A message was delivered and waits for its turn. Cancellations may not have to wait. */
  messageQueued(): void;
  /** Called once, at the end of the input; nothing is read after that. */
  ended(): void;
  /** Called instead of `ended`: what follows cannot be read. The peer gets this error. */
  failed(code: number, message: string): void;
}

/**
 * Replaces vscode-jsonrpc's own reader, which cannot recover from a stray line and silently drops
 * batches and absurd lengths. This one answers everything that is not a message, and reports when
 * the stream can no longer be parsed.
 */
export class ValidatingReader extends AbstractMessageReader {
  readonly #input: Readable;
  readonly #ids: RequestIds;
  readonly #callbacks: ReaderCallbacks;
  readonly #parser: FrameParser;
  #deliverMessage: DataCallback | null = null;
  #isOver = false;
  #isHolding = false;
  #isBusy = false;
  /** Read since the messages began to wait. */
  #waitingBytes = 0;

  constructor(input: Readable, ids: RequestIds, callbacks: ReaderCallbacks) {
    super();
    this.#input = input;
    this.#ids = ids;
    this.#callbacks = callbacks;
    this.#parser = new FrameParser({
      body: (bytes) => this.#handleBody(bytes),
      invalid: (reason) => {
        if (this.#isOver) return;
        this.#isOver = true;
        callbacks.failed(PARSE_ERROR, `The input does not follow the protocol: ${reason}.`);
      },
    });
  }

  override listen(callback: DataCallback): Disposable {
    this.#deliverMessage = callback;
    this.#input
      .on("data", this.#onData)
      .on("end", this.#onEnd)
      .on("close", this.#onEnd)
      .on("error", this.#onEnd);
    return { dispose: () => this.dispose() };
  }

  /**
   * While messages are held for a peer that does not read, reads up to 1 MB, so that `exit` and the
   * end of the input are still noticed. While so, `isBusy` has no effect.
   */
  set isHolding(isHolding: boolean) {
    this.#isHolding = isHolding;
    this.#updateFlow();
  }

  /** While busy, reads nothing, because enough messages wait for their turn. */
  set isBusy(isBusy: boolean) {
    this.#isBusy = isBusy;
    this.#updateFlow();
  }

  override dispose(): void {
    super.dispose();
    this.#isOver = true;
    this.#input.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd);
    // The error listener stays: a later error would otherwise be an uncaught exception.
    stopReading(this.#input, this);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    this.#parser.push(chunk);
    if (!this.#isHolding && !this.#isBusy) return;
    this.#waitingBytes += chunk.length;
    this.#updateFlow();
  };

  #updateFlow(): void {
    if (this.#isOver) return;
    if (!this.#isHolding && !this.#isBusy) this.#waitingBytes = 0;
    const mayRead = this.#isHolding ? this.#waitingBytes <= MAX_HELD_BYTES : !this.#isBusy;
    if (mayRead) continueReading(this.#input, this);
    else stopReading(this.#input, this);
  }

  readonly #onEnd = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#callbacks.ended();
  };

  #handleBody(body: Buffer): void {
    const message = parseMessage(body);
    if (message === null) return;
    if ("code" in message) this.#callbacks.rejected(message.id, message.code, message.message);
    else this.#deliverValid(message);
  }

  #deliverValid({ id, method, params }: IncomingMessage): void {
    if (id !== null) {
      this.#callbacks.requestQueued();
      this.#deliver({ id: this.#ids.add(id), method, params });
    } else if (method === CANCEL) {
      const cancelled = (params as { id?: unknown } | undefined)?.id;
      for (const serial of this.#ids.findSerials(cancelled))
        this.#deliver({ method, params: { id: serial } });
      return;
    } else {
      this.#deliver({ method, params });
    }
    this.#callbacks.messageQueued();
  }

  #deliver(message: { id?: number; method: string; params: unknown }): void {
    const wire: Message & typeof message = { jsonrpc: "2.0", ...message };
    this.#deliverMessage?.(wire);
  }
}

/**
 * Gives each live request a serial number. vscode-jsonrpc keeps waiting requests by id, treats 1
 * and "1" as the same, and replaces the first of two requests with the same id; by serial number,
 * each is answered, under the id of its sender.
 */
export class RequestIds {
  readonly #live = new Map<number, RequestId>();
  #next = 0;

  add(id: RequestId): number {
    this.#next += 1;
    this.#live.set(this.#next, id);
    return this.#next;
  }

  /** Returns the sender's id once, when the request is answered. */
  remove(serial: number): RequestId | null {
    const id = this.#live.get(serial);
    this.#live.delete(serial);
    return id ?? null;
  }

  /** Returns the live requests with that id, usually none or one. */
  findSerials(id: unknown): number[] {
    const serials: number[] = [];
    for (const [serial, liveId] of this.#live) if (liveId === id) serials.push(serial);
    return serials;
  }
}

/** A request or a notification, which has no id. */
interface IncomingMessage {
  readonly id: RequestId | null;
  readonly method: string;
  readonly params: unknown;
}

interface Rejection {
  readonly id: RequestId | null;
  readonly code: number;
  readonly message: string;
}

/**
 * Parses one body (https://www.jsonrpc.org/specification, sections 4 to 6). Returns null for what
 * gets no answer: a response, because the worker sends no requests, and a notification that cannot
 * be read. Never throws.
 */
function parseMessage(body: Buffer): IncomingMessage | Rejection | null {
  // Buffer's decoding would replace invalid UTF-8 instead of rejecting it.
  if (!isUtf8(body)) return { id: null, code: PARSE_ERROR, message: "The body is not UTF-8." };
  if (body.length > MIN_DEEP_BYTES && exceedsDepth(body, MAX_DEPTH))
    return invalid(null, `The body has more than ${MAX_DEPTH} levels of arrays and objects.`);
  const text = body.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  } catch {
    return { id: null, code: PARSE_ERROR, message: "The body is not JSON." };
  }
  if (Array.isArray(value))
    return invalid(null, "Batches are not supported: send one message in each body.");
  if (typeof value !== "object" || value === null)
    return invalid(null, "A message must be a JSON object.");
  const message = value as Record<string, unknown>;
  const { method } = message;
  const id = isValidId(message.id) ? message.id : null;
  const params = unwrapParams(message.params);
  if (id === null && isNotification(message))
    return typeof method === "string" ? { id, method, params } : null;
  // A worker that misses its end because of a detail would outlive its host.
  if (id !== null && method === EXIT) return { id, method, params };
  if (message.jsonrpc !== "2.0") return invalid(id, 'The member "jsonrpc" must be "2.0".');
  const hasId = id !== null || message.id === null;
  if (hasId && !("method" in message) && "result" in message !== "error" in message) return null;
  if (typeof method !== "string") return invalid(id, 'The member "method" must be a string.');
  if (id === null)
    return invalid(
      id,
      'The member "id" must be a string, or a number that JSON can represent exactly.',
    );
  if (params !== undefined && typeof params !== "object")
    return invalid(id, 'The member "params" must be an object.');
  return { id, method, params };
}

/**
 * A notification never gets a response, whatever is wrong with it: clients disconnect on a response
 * whose id they do not know. Serializers that write each member of a class give it the id null;
 * only where the method shows that no response is expected is that not an invalid request.
 */
function isNotification({ id, method }: Readonly<Record<string, unknown>>): boolean {
  if (id === undefined) return method !== undefined;
  return typeof method === "string" && NOTIFICATION_NAME.test(method);
}

/**
 * Undoes what client libraries do to the one parameters object: those that call with a list of
 * arguments send it in an array, and null, [] or [null] for a call without arguments.
 */
function unwrapParams(params: unknown): unknown {
  if (!Array.isArray(params)) return params ?? undefined;
  const [first, ...others] = params as unknown[];
  if (others.length > 0) return params;
  if (first === undefined || first === null) return undefined;
  return typeof first === "object" && !Array.isArray(first) ? first : params;
}

/** An integer beyond 2^53 would be returned as another number, which the host does not know. */
function isValidId(id: unknown): id is RequestId {
  return (
    typeof id === "string" ||
    (Number.isFinite(id) && (!Number.isInteger(id) || Number.isSafeInteger(id)))
  );
}

function invalid(id: RequestId | null, message: string): Rejection {
  return { id, code: INVALID_REQUEST, message };
}
