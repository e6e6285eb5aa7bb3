import type { FaultDetails } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";
import { retryAfterMs } from "./retry-after.js";

/** What an answer that is an error says, in whichever of its forms it came. */
export interface ErrorResponse {
  /** Webex's own words, fit for a log: one line, at most 200 characters, no address, no token; "" where there are none. */
  readonly text: string;
  /** The error code (RFC 6749 5.2, RFC 8628 3.5) that the body names, or null. */
  readonly oauthError: string | null;
  /** Whether the body is Webex's JSON; otherwise a gateway spoke. */
  readonly isJson: boolean;
  readonly details: FaultDetails;
}

const MAX_MESSAGE_LENGTH = 200;
/** More than this is not looked at: the patterns below take their time on it. */
const MAX_INPUT_LENGTH = 2_000;
/** A longer body is no error message. */
const MAX_BODY_BYTES = 65_536;
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
export function parseErrorResponse(
  response: HttpResponse,
  nowMs: number,
  secrets: readonly Secret[],
): ErrorResponse {
  const body = tryParseObject(response.body);
  const descriptions = Array.isArray(body?.errors)
    ? body.errors.map((e: unknown) => stringMember(e, "description"))
    : [];
  const texts = [
    stringMember(body, "message"),
    ...descriptions,
    stringMember(body, "error_description"),
    stringMember(body, "error"),
  ];
  const trackingId =
    parseTrackingId(stringMember(body, "trackingId")) ??
    parseTrackingId(response.headers.trackingid ?? "");
  const delayMs = retryAfterMs(response.headers["retry-after"], serverTime(response, nowMs));
  return {
    text: sanitize([...new Set(texts.filter((text) => text !== ""))].join(" - "), secrets),
    oauthError: oauthError(stringMember(body, "error"), texts),
    isJson: body !== null,
    details: {
      status: response.status,
      ...(trackingId !== null && { trackingId }),
      ...(delayMs !== undefined && { retryAfterMs: delayMs }),
    },
  };
}

/** The server's own clock where it tells: a `Retry-After` date is against that one. */
function serverTime(response: HttpResponse, nowMs: number): number {
  const date = Date.parse(response.headers.date ?? "");
  return Number.isNaN(date) ? nowMs : date;
}

function tryParseObject(body: Uint8Array): Record<string, unknown> | null {
  if (body.length === 0 || body.length > MAX_BODY_BYTES) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function stringMember(value: unknown, name: string): string {
  if (typeof value !== "object" || value === null) return "";
  const member = (value as Record<string, unknown>)[name];
  return typeof member === "string" ? member : "";
}

/** The header may repeat (joined by commas): the first one counts. */
function parseTrackingId(text: string): string | null {
  const first = text.split(",")[0]?.trim() ?? "";
  return /^[\w.:-]{1,100}$/.test(first) ? first : null;
}

/** The `error` member, or a code that stands as a word in the other texts: Webex puts it there too. */
function oauthError(error: string, texts: readonly string[]): string | null {
  const exact = OAUTH_ERRORS.find((code) => code === error.toLowerCase());
  if (exact !== undefined) return exact;
  const words = texts.flatMap((text) => text.toLowerCase().split(/[^a-z_]+/));
  return OAUTH_ERRORS.find((code) => words.includes(code)) ?? null;
}

function sanitize(text: string, secrets: readonly Secret[]): string {
  let sanitized = text;
  for (const secret of secrets)
    if (secret.reveal() !== "") sanitized = sanitized.replaceAll(secret.reveal(), "[secret]");
  sanitized = sanitized
    .slice(0, MAX_INPUT_LENGTH)
    .replace(/[^\s<>"'=?&,;()]+(@|%40)[^\s<>"'&,;()]+/gi, "[address]")
    .replace(/[\w+/=.~-]{40,}/g, "[secret]")
    .replace(/\s+/g, " ")
    .trim();
  return sanitized.length > MAX_MESSAGE_LENGTH
    ? `${sanitized.slice(0, MAX_MESSAGE_LENGTH - 1)}…`
    : sanitized;
}
