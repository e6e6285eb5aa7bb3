import type { Subscribable } from "../faults/emitter.js";

/** What a request handler throws, and the peer gets. `rpc/` converts every other failure. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** A request that is being answered. */
export interface RequestCall {
  /** Fires on `$/cancelRequest` and at the end of the channel. Created when first read. */
  readonly signal: AbortSignal;
  /** Whether the signal has fired; does not create it. */
  readonly isCancelled: boolean;
}

export interface ChannelHandlers {
  /**
   * Returns the result (`undefined` is sent as null), or throws or rejects with a `WireError`. Not
   * called once cancelled.
   */
  request(method: string, params: unknown, call: RequestCall): unknown;
  notification(method: string, params: unknown): void;
}

/** Why a channel has ended. */
export type ChannelEndReason = "inputEnded" | "protocolError" | "outputBroken";

export interface ChannelEvents {
  /** `isCongested` has become false. */
  readonly drained: undefined;
}

/** JSON-RPC 2.0 with `Content-Length` framing over two byte streams. */
export interface Channel {
  /** Starts reading. Called once. */
  listen(handlers: ChannelHandlers, onEnd: (reason: ChannelEndReason) => void): void;
  /** Sends a notification, in one write with all else of the tick; ignored after the end. */
  notify(method: string, params: unknown): void;
  /** True while the peer does not read: callers defer what they can coalesce. */
  readonly isCongested: boolean;
  readonly events: Subscribable<ChannelEvents>;
  /** Resolves when all output is written, at the latest after `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>;
  dispose(): void;
}
