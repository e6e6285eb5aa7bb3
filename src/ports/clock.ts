import type { Disposer } from "../faults/emitter.js";

/** A source of time. All durations are in milliseconds. */
export interface Clock {
  /** Wall-clock time since the Unix epoch: for display and for the expiry of tokens. */
  now(): number;
  /** Time since an arbitrary start that never jumps: for intervals, deadlines and rate limits. */
  monotonic(): number;
  /**
   * Time since an arbitrary start, for ages and staleness. Unlike `monotonic()`, which stands still
   * on Linux while the machine is suspended, it also counts suspended time: it advances by the
   * larger of monotonic and forward wall-clock progress, and never goes back.
   */
  elapsed(): number;
  /**
   * Calls `callback` once after `delayMs`, never in the current turn of the event loop. The
   * disposer cancels it. A scheduled call does not keep the process alive.
   */
  schedule(delayMs: number, callback: () => void): Disposer;
  /** Calls `callback` once at the end of the event loop's turn, before new input is read. */
  endOfTurn(callback: () => void): Disposer;
}

/** A source of random numbers. */
export interface Random {
  /** Evenly distributed in [0, 1): for jitter, never for keys. */
  random(): number;
}

/** Keys, identifiers and digests. */
export interface Crypto {
  /** `byteCount` unguessable bytes, as base64url without padding (RFC 4648). */
  token(byteCount: number): string;
  uuid(): string;
  /** SHA-256 of the UTF-8 text, as base64url without padding (PKCE S256, RFC 7636). */
  sha256(text: string): string;
}
