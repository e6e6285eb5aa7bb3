import type { Secret } from "../faults/secret.js";

/** Where bodies are put one after another, each over the one before: for who reads a body at once and keeps nothing of it. */
export interface ReusableBuffer {
  bytes: Uint8Array;
}

/** One HTTP exchange. Redirects are never followed here: the caller sees the 3xx and decides. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Form or other text body, UTF-8. */
  readonly body?: string;
  /** Overall deadline, connection to last byte. */
  readonly timeoutMs: number;
  /** A longer body ends the exchange with a fault. */
  readonly maxBytes: number;
  /** The answer exists once, like tokens: where the way out is about to change, it is let through first. */
  readonly isIrreplaceable?: boolean;
  /** Without it the body is the caller's to keep. */
  readonly buffer?: ReusableBuffer;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; a header that came several times is joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * The network. Any HTTP status is an answer; what is thrown is a `Fault`: `webexUnreachable` (DNS, TCP, TLS, proxy, deadline),
 * `webexError` (a body over `maxBytes`, a broken answer) or `cancelled` (the signal).
 */
export interface Http {
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle connections; requests under way end as `cancelled`. Idempotent. */
  close(): void;
}

/** How to get out: what `Presence.ini` and the keychain say. */
export interface HttpRoute {
  /** `http://[user@]host:port`, "none" (direct, whatever the environment says) or "" (HTTPS_PROXY and NO_PROXY). */
  readonly proxy: string;
  readonly proxyPassword: Secret | null;
  /** PEM certificates added to the trusted roots, or null. */
  readonly extraCertificates: string | null;
}

/** Makes an `Http` for a route; nothing heavy is loaded before the first `send`. */
export type HttpFactory = (route: HttpRoute) => Http;
