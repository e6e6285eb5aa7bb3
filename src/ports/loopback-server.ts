import type { Disposer } from "../faults/emitter.js";

export interface LoopbackRequest {
  readonly method: string;
  /** Path and query as on the request line (RFC 9112: request-target). */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8 text of at most 16 KiB; a longer body gets a 413 and does not reach the handler. */
  readonly body: string;
}

export interface LoopbackPage {
  readonly kind: "page";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Server-sent events (WHATWG HTML, 9.2). */
export interface LoopbackEventStream {
  readonly kind: "events";
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Called once. The disposer is called when the client has disconnected or the server closes. A
   * client that leaves more than 1 MiB unread is disconnected.
   */
  open(send: (data: string) => void): Disposer;
}

export type LoopbackResponse = LoopbackPage | LoopbackEventStream;
/** If a handler rejects, the response is a 500 with a fixed text. */
export type LoopbackHandler = (request: LoopbackRequest) => Promise<LoopbackResponse>;

export interface LoopbackServer {
  /** The requested port, or the free one that was chosen for 0. */
  readonly port: number;
  /** Ends event streams at once, and gives responses in flight half a second. Idempotent. */
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and, if the machine has it, on ::1, and on nothing else. Rejects with a
 * `Fault` `portInUse` with `data.port` if the port is taken on either address, or reserved by the
 * system (`data.isReserved`).
 */
export type ListenOnLoopback = (port: number, handler: LoopbackHandler) => Promise<LoopbackServer>;

/**
 * Reads a text file of a page, such as its stylesheet. `name` is the path of the file below `src`.
 */
export type ReadAsset = (name: string) => Promise<string>;
