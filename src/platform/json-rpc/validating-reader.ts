import type { Readable } from "node:stream";

import { AbstractMessageReader } from "vscode-jsonrpc";
import type { DataCallback, Disposable, Message } from "vscode-jsonrpc";

import { FrameParser } from "./framing.js";
import { PARSE_ERROR, parseMessage } from "./incoming-message.js";
import type { RequestId } from "./incoming-message.js";
import type { RequestIds } from "./request-ids.js";

/** While held, this much unread input is kept before the stream itself is paused. */
const MAX_HELD_BYTES = 1024 * 1024;
const CANCEL = "$/cancelRequest";

export interface ReaderEvents {
  /** A reply to something that is no request: goes out as it is. */
  reject(id: RequestId | null, code: number, message: string): void;
  /** A request was handed over and waits for its turn. */
  requestQueued(): void;
  /** Once: the input is over, or not the protocol. Nothing is read after it. */
  ended(end: "inputEnded" | "notTheProtocol"): void;
}

/**
 * vscode-jsonrpc's own reader loses its place for good after one stray line and swallows batches and absurd lengths without a
 * word. This one answers everything that is not a message, and says when the stream cannot be followed.
 */
export class ValidatingReader extends AbstractMessageReader {
  readonly #input: Readable;
  readonly #ids: RequestIds;
  readonly #events: ReaderEvents;
  readonly #parser: FrameParser;
  #callback: DataCallback | null = null;
  #isOver = false;
  #pausedChunks: Buffer[] | null = null;
  #pausedBytes = 0;

  constructor(input: Readable, ids: RequestIds, events: ReaderEvents) {
    super();
    this.#input = input;
    this.#ids = ids;
    this.#events = events;
    this.#parser = new FrameParser({
      body: (bytes) => this.#handleBody(bytes),
      invalid: (why) => {
        events.reject(null, PARSE_ERROR, `The input is not the protocol any more: ${why}.`);
        this.#end("notTheProtocol");
      },
    });
  }

  override listen(callback: DataCallback): Disposable {
    this.#callback = callback;
    this.#input
      .on("data", this.#onData)
      .on("end", this.#onEnd)
      .on("close", this.#onEnd)
      .on("error", this.#onEnd);
    return { dispose: () => this.dispose() };
  }

  /** Takes no message until `release`. The end of the input is still noticed while the peer sends little. */
  pause(): void {
    this.#pausedChunks ??= [];
  }

  resume(): void {
    const chunks = this.#pausedChunks;
    if (chunks === null) return;
    this.#pausedChunks = null;
    this.#pausedBytes = 0;
    for (const chunk of chunks) this.#onData(chunk);
    if (!this.#isOver && !this.#isPaused()) this.#input.resume();
  }

  override dispose(): void {
    super.dispose();
    this.#isOver = true;
    this.#pausedChunks = null;
    this.#input.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd);
    // The error listener stays: an error after the end must not become an uncaught one.
    this.#input.pause();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    if (this.#pausedChunks === null) {
      this.#parser.push(chunk);
      return;
    }
    this.#pausedChunks.push(chunk);
    this.#pausedBytes += chunk.length;
    if (this.#pausedBytes > MAX_HELD_BYTES) this.#input.pause();
  };

  readonly #onEnd = (): void => this.#end("inputEnded");

  #end(end: "inputEnded" | "notTheProtocol"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.ended(end);
  }

  #isPaused(): boolean {
    return this.#pausedChunks !== null;
  }

  #handleBody(body: Buffer): void {
    const message = parseMessage(body);
    switch (message.kind) {
      case "refused":
        this.#events.reject(message.id, message.code, message.message);
        return;
      case "request":
        this.#events.requestQueued();
        this.#deliver({
          id: this.#ids.add(message.id),
          method: message.method,
          params: message.params,
        });
        return;
      case "notification":
        if (message.method === CANCEL) this.#cancel(message.params);
        else this.#deliver({ method: message.method, params: message.params });
        return;
      case "response":
        return;
    }
  }

  #cancel(params: unknown): void {
    const { id } = (params ?? {}) as { id?: unknown };
    for (const serial of this.#ids.findSerials(id))
      this.#deliver({ method: CANCEL, params: { id: serial } });
  }

  #deliver(message: { id?: number; method: string; params: unknown }): void {
    const wire: Message & typeof message = { jsonrpc: "2.0", ...message };
    this.#callback?.(wire);
  }
}
