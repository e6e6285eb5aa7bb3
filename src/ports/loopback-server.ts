import type { Disposer } from "../faults/emitter.js";

export interface LoopbackRequest {
  readonly method: string;
  /** Path and query as they stood on the request line. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8 text of at most 16 KiB: a longer one is answered 413 without asking the handler. */
  readonly body: string;
}

/** One answer, whole. */
export interface LoopbackPage {
  readonly kind: "page";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Server-sent events (WHATWG HTML, 9.2): `open` is called once; its disposer when the peer has left or the server closes. */
export interface LoopbackEventStream {
  readonly kind: "events";
  readonly headers: Readonly<Record<string, string>>;
  open(send: (data: string) => void): Disposer;
}

export type LoopbackResponse = LoopbackPage | LoopbackEventStream;
/** A handler that rejects is answered 500, with a fixed text. */
export type LoopbackHandler = (request: LoopbackRequest) => Promise<LoopbackResponse>;

export interface LoopbackServer {
  /** The port listened on: the one asked for, or a free one where 0 was. */
  readonly port: number;
  /** Stops listening, ends event streams at once and lets answers under way leave (half a second at most). Idempotent. */
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and, where the machine has it, on ::1; on nothing else. Fault: `redirectPortInUse` with `data.port`, when
 * either address is taken or the system reserves the port.
 */
export type ListenOnLoopback = (port: number, handler: LoopbackHandler) => Promise<LoopbackServer>;
