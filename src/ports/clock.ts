import type { Disposer } from "../faults/emitter.js";

/** Time, from outside. Durations are milliseconds. */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch: for what people read and for token expiry. */
  now(): number;
  /** A clock that never jumps, milliseconds from an arbitrary start: for intervals, budgets and ages. */
  monotonic(): number;
  /**
   * Calls `callback` once after `delayMs`, and never in the present turn of the event loop; the disposer calls it off. Never keeps the process
   * alive.
   */
  schedule(delayMs: number, callback: () => void): Disposer;
}

/** Chance, from outside. */
export interface Random {
  /** Evenly distributed in [0, 1): for jitter, never for keys. */
  random(): number;
  /** `byteCount` unguessable bytes, as base64url without padding. */
  token(byteCount: number): string;
  uuid(): string;
  /** SHA-256 of the UTF-8 text, as base64url without padding (PKCE S256, RFC 7636). */
  sha256(text: string): string;
}
