import type { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";

/**
 * Receives body after body, each overwriting the last: for callers that decode it at once. V8 frees
 * buffers in full collections only, and one buffer for all pages halves the number of those.
 */
export interface ReusableBuffer {
  bytes: Uint8Array;
}

/** One HTTP exchange. Redirects are not followed: the caller sees the 3xx and decides. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Form or other text, sent as UTF-8. */
  readonly body?: string;
  /** Deadline for the whole exchange, from connecting to the last byte. */
  readonly timeoutMs: number;
  /**
   * Without a byte from the server for this long, before or in the middle of its response, the
   * exchange ends with a fault, and the next one uses a new connection. Default: no such limit.
   */
  readonly silenceTimeoutMs?: number;
  /** Called after half of `silenceTimeoutMs`, with the fault to report if nothing changes. */
  readonly onSilence?: (fault: Fault) => void;
  /** A longer response body, once decompressed, ends the exchange with a fault. */
  readonly maxBytes: number;
  /** The response cannot be fetched again (tokens): a change of route lets it finish. */
  readonly isIrreplaceable?: boolean;
  /** Without it, the body belongs to the caller. */
  readonly buffer?: ReusableBuffer;
  /** A fault contains none of them, even if the response echoes them. */
  readonly secrets?: readonly Secret[];
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; values of a repeated header are joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Uint8Array;
}

/** An HTTP client. */
export interface Http {
  /**
   * Resolves with any HTTP status. Rejects with a `Fault`: `webexUnreachable` (DNS, TCP, TLS,
   * proxy, deadline, silence, a library that cannot be loaded), `webexError` (a body over
   * `maxBytes`, one that cannot be decompressed, a response that is not HTTP) or `cancelled` (the
   * signal). `webexUnreachable` with the `data.reason` `staleConnection`: a GET met a connection
   * that was closed while it was idle. It may be repeated at once (RFC 9110 9.2.2), and is not by
   * itself, because whoever limits the rate has to count the second request as well.
   */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle connections; requests in flight reject as `cancelled`. Idempotent. */
  close(): void;
}

/** The network route that `Presence.ini` and the keychain configure. */
export interface HttpRoute {
  /** `http://[user@]host:port`, "none" (direct) or "" (environment: HTTPS_PROXY, NO_PROXY). */
  readonly proxy: string;
  readonly proxyPassword: Secret | null;
  /** PEM certificates trusted in addition to Node's roots, or null. */
  readonly extraCertificates: string | null;
}

/** Creates an `Http` for a route; nothing heavy is loaded before the first `send`. */
export type HttpFactory = (route: HttpRoute) => Http;

/**
 * The certificates of a file, all readable and in PEM, and nothing else that the file holds; or why
 * it cannot be used: `reason` continues the sentence "KEY=VALUE (line N) …".
 */
export type CertificateFileResult =
  | { readonly ok: true; readonly pem: string }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

/** Resolves within seconds, even if the disk does not respond, and never rejects. */
export type ReadCertificates = (path: string) => Promise<CertificateFileResult>;

/**
 * The addresses of this machine by which it reaches others, in a fixed order. Throws if the system
 * does not tell.
 */
export type ReadAddresses = () => readonly string[];
