import { Fault, type FaultCode, type FaultDetails } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";
import { isObject, type JsonObject, optionalString, parseJson } from "./json-response.js";

/** An error response in any of the forms that Webex and gateways use. */
export interface ErrorResponse {
  readonly status: number;
  /** Webex's message: one line of at most 200 characters without addresses and tokens, or "". */
  readonly text: string;
  /** The error code in the body (RFC 6749 5.2, RFC 8628 3.5), or null. */
  readonly oauthError: string | null;
  /** Whether the body is a JSON object, as Webex sends it; otherwise it is from a gateway. */
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
  { status, headers, body: bytes }: HttpResponse,
  nowMs: number,
  secrets: readonly Secret[],
): ErrorResponse {
  const body = tryParseObject(bytes);
  const errors: unknown[] = Array.isArray(body?.errors) ? body.errors : [];
  const error = optionalString(body, "error");
  const texts = [
    optionalString(body, "message"),
    ...errors.map((entry) => optionalString(entry, "description")),
    optionalString(body, "error_description"),
    error,
  ].filter((text) => text !== null);
  const oauthError = findOAuthError(error, texts);
  // The values of a repeated header are joined by commas.
  const trackingId = [optionalString(body, "trackingId"), headers.trackingid]
    .map((ids) => ids?.split(",")[0]?.trim() ?? "")
    .find((id) => /^[\w.:-]{1,100}$/.test(id));
  // `Retry-After` dates are relative to the server's clock.
  const serverTime = Date.parse(headers.date ?? "");
  const now = Number.isNaN(serverTime) ? nowMs : serverTime;
  const delayMs = retryAfterMs(headers["retry-after"], now);
  return {
    status,
    text: sanitize([...new Set(texts)].join(" - "), secrets),
    oauthError,
    isJson: body !== null,
    details: {
      status,
      ...(trackingId !== undefined && { trackingId }),
      ...(delayMs !== undefined && { retryAfterMs: delayMs }),
      ...(oauthError !== null && { data: { error: oauthError } }),
    },
  };
}

/** Webex also responds with 423 Locked to too many requests, sometimes with `Retry-After`. */
export function isRateLimited(status: number): boolean {
  return status === 429 || status === 423;
}

/** The fault for a response of the REST service that is neither a success nor a redirect. */
export function restFault(error: ErrorResponse): Fault {
  const { status } = error;
  if (status === 401) {
    const hint = "Authorize the organization again.";
    return responseFault("unauthorized", "Webex rejected the access token", error, hint);
  }
  if (status === 403) {
    const hint =
      "Check that the administrator who authorized is still a Full Admin, that the scopes were granted, and that Control Hub allows the integration.";
    return responseFault("forbidden", "Webex denied the request", error, hint);
  }
  if (status === 404) {
    return responseFault("notFound", "Webex found nothing at this address", error);
  }
  if (isRateLimited(status)) {
    return responseFault("rateLimited", "Webex is limiting the rate of requests", error);
  }
  if (status >= 400 && status < 500) {
    return responseFault("refused", "Webex rejected the request", error);
  }
  const hint =
    "No action is needed unless the error persists. Then check status.webex.com, and give the tracking ID to Cisco's support.";
  return responseFault("webexError", "Webex responded with an error", error, hint);
}

/** `event` says what happened; the status and Webex's message follow. */
export function responseFault(
  code: FaultCode,
  event: string,
  { status, text, details }: ErrorResponse,
  hint?: string,
): Fault {
  const message = `${event} (${status})${text === "" ? "." : `: ${text}`}`;
  return new Fault(code, message, { ...details, ...(hint !== undefined && { hint }) });
}

function tryParseObject(body: Uint8Array): JsonObject | null {
  if (body.length === 0 || body.length > MAX_BODY_BYTES) return null;
  try {
    const value = parseJson(body);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Webex also puts the error code into the other texts, as a word. */
function findOAuthError(error: string | null, texts: readonly string[]): string | null {
  const exact = OAUTH_ERRORS.find((code) => code === error?.toLowerCase());
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
