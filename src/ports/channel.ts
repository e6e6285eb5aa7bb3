import type { Subscribable } from "../faults/emitter.js";

/** The shape of what a request handler throws: the peer sees exactly this. `rpc/` turns every other failure into it first. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** One request while it is being answered. */
export interface RequestCall {
  /** Fires on `$/cancelRequest` and when the channel ends. Made when first read: most requests are answered without it. */
  readonly signal: AbortSignal;
  /** The same, for who only wants to look. */
  readonly isCancelled: boolean;
}

export interface ChannelHandlers {
  /** Answers with the result, or throws (or rejects with) a `WireError`. A request cancelled before its turn never gets here. */
  request(method: string, params: unknown, call: RequestCall): unknown;
  notification(method: string, params: unknown): void;
}

/** Why a channel is over. */
export type ChannelEndReason = "inputEnded" | "notTheProtocol" | "outputBroken";

export interface ChannelEvents {
  /** `congested` has turned false. */
  readonly drained: undefined;
}

/** JSON-RPC 2.0 with `Content-Length` framing over two byte streams. */
export interface Channel {
  /** Starts reading. Called once. */
  listen(handlers: ChannelHandlers, onEnd: (end: ChannelEndReason) => void): void;
  /** Sends a notification; what is written in one tick leaves in one write. Dropped once the channel is over. */
  notify(method: string, params: unknown): void;
  /** True while the peer is not reading: write nothing that can be coalesced. */
  readonly isCongested: boolean;
  readonly events: Subscribable<ChannelEvents>;
  /** Waits until everything written has left, or `deadlineMs` is over. */
  flush(deadlineMs: number): Promise<void>;
  dispose(): void;
}
