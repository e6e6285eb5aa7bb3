import { Fault, type FaultDetails } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";
import { isObject, type JsonObject, optionalString } from "./json-response.js";

/** An error response in any of the forms that Webex and gateways use. */
export interface ErrorResponse {
  /**
   * Webex's message for the log: one line of at most 200 characters without addresses and tokens,
   * or "".
   */
  readonly text: string;
  /** The error code in the body (RFC 6749 5.2, RFC 8628 3.5), or null. */
  readonly oauthError: string | null;
  /**
   * Whether the body is a JSON object, as Webex sends it; otherwise the response is from a gateway.
   */
  readonly isJson: boolean;
  readonly details: FaultDetails;
}

const MAX_MESSAGE_LENGTH = 200;
/** Limits the time that the patterns of `sanitize` take. */
const MAX_INPUT_LENGTH = 2_000;
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
 * Parses `{message, errors: [{description}], trackingId}`, `{error, error_description}`, HTML or an
 * empty body. `secrets` are those of the request, which a service may echo. `nowMs` is in
 * milliseconds since the epoch.
 */
export function parseErrorResponse(
  response: HttpResponse,
  nowMs: number,
  secrets: readonly Secret[],
): ErrorResponse {
  const body = tryParseObject(response.body);
  const descriptions = Array.isArray(body?.errors)
    ? body.errors.map((entry: unknown) => stringMember(entry, "description"))
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

/** The fault for a response of the REST service that is neither a success nor a redirect. */
export function restFault(status: number, { text, details }: ErrorResponse): Fault {
  const detail = text === "" ? "." : `: ${text}`;
  switch (status) {
    case 401:
      return new Fault("unauthorized", `Webex rejected the access token (401)${detail}`, {
        ...details,
        hint: "Authorize the organization again.",
      });
    case 403:
      return new Fault("forbidden", `Webex denied the request (403)${detail}`, {
        ...details,
        hint: "Check that the administrator who authorized is still a full administrator, that the scopes were granted, and that Control Hub allows the integration.",
      });
    case 404:
      return new Fault("notFound", `Webex found nothing at this address (404)${detail}`, details);
    // 423 Locked: Webex also uses it for rate limiting, sometimes with Retry-After.
    case 423:
    case 429:
      return new Fault(
        "rateLimited",
        `Webex is limiting the rate of requests (${status})${detail}`,
        details,
      );
  }
  if (status >= 400 && status < 500) {
    return new Fault("refused", `Webex rejected the request (${status})${detail}`, details);
  }
  return new Fault("webexError", `Webex responded with an error (${status})${detail}`, {
    ...details,
    hint: "No action is needed unless the error persists. Then check status.webex.com, and give the tracking id to Cisco's support.",
  });
}

/** `Retry-After` dates are relative to the server's clock. */
function serverTime(response: HttpResponse, nowMs: number): number {
  const date = Date.parse(response.headers.date ?? "");
  return Number.isNaN(date) ? nowMs : date;
}

function tryParseObject(body: Uint8Array): JsonObject | null {
  if (body.length === 0 || body.length > MAX_BODY_BYTES) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function stringMember(value: unknown, name: string): string {
  return optionalString(value, name) ?? "";
}

/** Uses the first id of a repeated header, whose values are joined by commas. */
function parseTrackingId(text: string): string | null {
  const first = text.split(",")[0]?.trim() ?? "";
  return /^[\w.:-]{1,100}$/.test(first) ? first : null;
}

/** Webex also puts the error code into the other texts, as a word. */
function oauthError(error: string, texts: readonly string[]): string | null {
  const exact = OAUTH_ERRORS.find((code) => code === error.toLowerCase());
  if (exact !== undefined) return exact;
  const words = texts.flatMap((text) => text.toLowerCase().split(/[^a-z_]+/));
  return OAUTH_ERRORS.find((code) => words.includes(code)) ?? null;
}

function sanitize(text: string, secrets: readonly Secret[]): string {
  let sanitized = text;
  for (const secret of secrets) {
    if (secret.reveal() !== "") sanitized = sanitized.replaceAll(secret.reveal(), "[secret]");
  }
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

const MAX_DELAY_MS = 3_600_000;
const DAY_NAME = /^(mon|tue|wed|thu|fri|sat|sun)/i;
const UNEXPANDED_TEMPLATE = /^rand\((\d{1,9})\)\s*,\s*add\((\d{1,9})\)$/;

/**
 * Returns the delay that a `Retry-After` header (RFC 9110 10.2.3) requests, in milliseconds and at
 * most one hour, or undefined for a header that is missing, zero, in the past or unreadable.
 * Accepts seconds, an HTTP date in any of its three forms (compared with `nowMs`), and Webex's
 * unexpanded template `rand(30),add(30)`, whose maximum applies.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const delayMs = requestedDelayMs(header?.trim() ?? "", nowMs);
  return delayMs > 0 ? Math.min(Math.ceil(delayMs), MAX_DELAY_MS) : undefined;
}

function requestedDelayMs(text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const template = UNEXPANDED_TEMPLATE.exec(text);
  if (template !== null) return (Number(template[1]) + Number(template[2])) * 1000;
  if (!DAY_NAME.test(text)) return 0;
  // The asctime form has no time zone, but is in UTC.
  const date = Date.parse(/(GMT|UTC)$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(date) ? 0 : date - nowMs;
}
