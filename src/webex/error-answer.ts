import type { FaultDetails } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";
import { retryAfterMs } from "./retry-after.js";

/** What an answer that is an error says, in whichever of its forms it came. */
export interface ErrorAnswer {
  /** Webex's own words, fit for a log: one line, at most 200 characters, no address, no token; "" where there are none. */
  readonly text: string;
  /** The error code (RFC 6749 5.2, RFC 8628 3.5) that the body names, or null. */
  readonly oauthError: string | null;
  /** Whether the body is Webex's JSON; otherwise a gateway spoke. */
  readonly isJson: boolean;
  readonly details: FaultDetails;
}

const LONGEST_TEXT = 200;
/** More than this is not looked at: the patterns below take their time on it. */
const LONGEST_SOURCE = 2_000;
/** A longer body is no error message. */
const LONGEST_BODY = 65_536;
const OAUTH_ERRORS = [
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "access_denied",
  "server_error",
  "temporarily_unavailable",
  "authorization_pending",
  "slow_down",
  "expired_token",
  "tokenlimit_reached",
] as const;

/**
 * Reads `{message, errors: [{description}], trackingId}`, `{error, error_description}`, a gateway's HTML or nothing at all.
 * `secrets` are those of the request: a service may echo them. `nowMs` is milliseconds since the epoch.
 */
export function readErrorAnswer(response: HttpResponse, nowMs: number, secrets: readonly Secret[]): ErrorAnswer {
  const body = jsonObject(response.body);
  const descriptions = Array.isArray(body?.errors) ? body.errors.map((e: unknown) => textMember(e, "description")) : [];
  const texts = [textMember(body, "message"), ...descriptions, textMember(body, "error_description"), textMember(body, "error")];
  const trackingId = tidyTrackingId(textMember(body, "trackingId")) ?? tidyTrackingId(response.headers.trackingid ?? "");
  const wait = retryAfterMs(response.headers["retry-after"], serverNow(response, nowMs));
  return {
    text: presentable([...new Set(texts.filter((text) => text !== ""))].join(" - "), secrets),
    oauthError: oauthError(textMember(body, "error"), texts),
    isJson: body !== null,
    details: {
      status: response.status,
      ...(trackingId !== null && { trackingId }),
      ...(wait !== undefined && { retryAfterMs: wait }),
    },
  };
}

/** The server's own clock where it tells: a `Retry-After` date is against that one. */
function serverNow(response: HttpResponse, nowMs: number): number {
  const date = Date.parse(response.headers.date ?? "");
  return Number.isNaN(date) ? nowMs : date;
}

function jsonObject(body: Uint8Array): Record<string, unknown> | null {
  if (body.length === 0 || body.length > LONGEST_BODY) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function textMember(value: unknown, name: string): string {
  if (typeof value !== "object" || value === null) return "";
  const member = (value as Record<string, unknown>)[name];
  return typeof member === "string" ? member : "";
}

/** The header may repeat (joined by commas): the first one counts. */
function tidyTrackingId(text: string): string | null {
  const first = text.split(",")[0]?.trim() ?? "";
  return /^[\w.:-]{1,100}$/.test(first) ? first : null;
}

/** The `error` member, or a code that stands as a word in the other texts: Webex puts it there too. */
function oauthError(error: string, texts: readonly string[]): string | null {
  const named = OAUTH_ERRORS.find((code) => code === error.toLowerCase());
  if (named !== undefined) return named;
  const words = texts.flatMap((text) => text.toLowerCase().split(/[^a-z_]+/));
  return OAUTH_ERRORS.find((code) => words.includes(code)) ?? null;
}

function presentable(text: string, secrets: readonly Secret[]): string {
  let clean = text;
  for (const secret of secrets) if (secret.reveal() !== "") clean = clean.replaceAll(secret.reveal(), "[secret]");
  clean = clean
    .slice(0, LONGEST_SOURCE)
    .replace(/[^\s<>"'=?&,;()]+(@|%40)[^\s<>"'&,;()]+/gi, "[address]")
    .replace(/[\w+/=.~-]{40,}/g, "[secret]")
    .replace(/\s+/g, " ")
    .trim();
  return clean.length > LONGEST_TEXT ? `${clean.slice(0, LONGEST_TEXT - 1)}…` : clean;
}
