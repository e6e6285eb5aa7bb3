import { Fault, type FaultCode, type FaultDetails } from "../faults/fault.js";
import { containsSecret } from "../faults/redaction.js";
import type { HttpResponse } from "../ports/http.js";
import { isObject, type JsonObject, optionalString, parseJson } from "./json-response.js";
import { sanitize } from "../faults/foreign-text.js";
import { describeResponder, type ReceivedResponse } from "./response-text.js";

/** An error response in any of the forms that Webex and gateways use. */
export interface ErrorResponse {
  readonly status: number;
  /** Webex's message: one line of at most 200 characters without addresses and tokens, or "". */
  readonly text: string;
  /** The error code in the body (RFC 6749 5.2, RFC 8628 3.5), or null. */
  readonly oauthError: string | null;
  /**
   * Whether it has a form of Webex's REST service: a JSON object with `trackingId` or `message`, or
   * a 401 that asks for a bearer token (RFC 6750 3) or has a `TrackingID` header. Anything else may
   * be from a firewall, a proxy or a portal, and says nothing about the authorization or the
   * organization.
   */
  readonly isRestForm: boolean;
  /** Whether it has a form of Webex's OAuth endpoints: a JSON object with `error` or `message`. */
  readonly isOAuthForm: boolean;
  /** What responded, as `describeResponder` names it. */
  readonly responder: string;
  readonly details: FaultDetails;
}

const MAX_MESSAGE_LENGTH = 200;
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
 * empty body. `nowMs` is in milliseconds since the epoch.
 */
export function parseErrorResponse(response: ReceivedResponse, nowMs: number): ErrorResponse {
  const { status, headers, secrets } = response;
  const body = tryParseObject(response.body);
  const errors: unknown[] = Array.isArray(body?.errors) ? body.errors : [];
  const error = optionalString(body, "error");
  const message = optionalString(body, "message");
  const texts = [
    message,
    ...errors.map((entry) => optionalString(entry, "description")),
    optionalString(body, "error_description"),
    error,
  ].filter((text) => text !== null);
  const oauthError = findOAuthError(error, texts);
  // The values of a repeated header are joined by commas.
  const trackingId = [optionalString(body, "trackingId"), headers.trackingid]
    .map((ids) => ids?.split(",")[0]?.trim() ?? "")
    .find((id) => /^[\w.:-]{1,100}$/.test(id) && !containsSecret(id, secrets));
  // `Retry-After` dates are relative to the server's clock.
  const serverTime = Date.parse(headers.date ?? "");
  const now = Number.isNaN(serverTime) ? nowMs : serverTime;
  const delayMs = retryAfterMs(headers["retry-after"], now);
  return {
    status,
    text: sanitize([...new Set(texts)].join(" - "), secrets, MAX_MESSAGE_LENGTH),
    oauthError,
    isRestForm:
      message !== null ||
      optionalString(body, "trackingId") !== null ||
      (status === 401 && (asksForBearerToken(headers) || trackingId !== undefined)),
    isOAuthForm: message !== null || error !== null,
    responder: describeResponder(response),
    details: {
      status,
      ...(trackingId !== undefined && { trackingId }),
      ...(delayMs !== undefined && { retryAfterMs: delayMs }),
      ...(oauthError !== null && { data: { error: oauthError } }),
    },
  };
}

/** A response may have several challenges (RFC 9110 11.6.1), joined by commas. */
function asksForBearerToken(headers: HttpResponse["headers"]): boolean {
  return /(^|,)\s*bearer(\s|,|$)/i.test(headers["www-authenticate"] ?? "");
}

/** Webex also responds with 423 Locked to too many requests, sometimes with `Retry-After`. */
export function isRateLimited(status: number): boolean {
  return status === 429 || status === 423;
}

/** The fault for a response of the REST service that is neither a success nor a redirect. */
export function restFault(error: ErrorResponse): Fault {
  const { status, isRestForm } = error;
  if (isRateLimited(status)) {
    return responseFault("rateLimited", "Webex is limiting the rate of requests", error);
  }
  if (isServerError(status)) {
    const [event, remedy] = isRestForm
      ? ["Webex responded with an error", "give the tracking ID to Cisco's support"]
      : ["Webex, or a gateway before it, responded with an error", "the proxy or firewall, if any"];
    const hint = `No action is needed unless the error persists. Then check status.webex.com, and ${remedy}.`;
    return responseFault("webexError", event, error, hint);
  }
  if (!isRestForm) return foreignResponseFault(error);
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
  if (status >= 400) return responseFault("refused", "Webex rejected the request", error);
  return responseFault("webexError", "Webex sent an unexpected response", error);
}

/**
 * Gateways of Webex send 5xx in any form. 511 is by definition a portal's (RFC 6585 6): Webex was
 * not reached.
 */
function isServerError(status: number): boolean {
  return status >= 500 && status !== 511;
}

/**
 * The fault for a response in no form of Webex. It is transient: a firewall, a proxy or a portal
 * may let the next request pass.
 */
export function foreignResponseFault({ responder, details }: ErrorResponse): Fault {
  const message = `Something other than Webex responded to a request to Webex (${responder}).`;
  return new Fault("webexError", message, { ...details, hint: FOREIGN_RESPONSE_HINT });
}

const FOREIGN_RESPONSE_HINT =
  "Let the worker's connections to Webex pass through the firewall or proxy that responded, or correct WebexPresence.ApiUrl and WebexPresence.Proxy.";

/** `event` says what happened; the status and Webex's message follow. */
export function responseFault(
  code: FaultCode,
  event: string,
  { status, text, responder, details }: ErrorResponse,
  hint?: string,
): Fault {
  const said = text === "" ? ` (${responder}).` : ` (${status}): ${text}`;
  const message = `${event}${/[.!?\u2026]$/.test(said) ? said : `${said}.`}`;
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

const MIN_DELAY_MS = 1_000;
const MAX_DELAY_MS = 3_600_000;
const MAX_HEADER_LENGTH = 200;
const DAY_NAME = /^(mon|tue|wed|thu|fri|sat|sun)/i;
const UNEXPANDED_TEMPLATE = /^rand\((\d{1,9})\)\s*,\s*add\((\d{1,9})\)$/;

/**
 * Returns the delay that a `Retry-After` header (RFC 9110 10.2.3) requests, in milliseconds and at
 * most one hour, or undefined for a header that is missing, in the past, unreadable or below one
 * second, the resolution of the header. Accepts seconds, an HTTP date in any of its three forms
 * (compared with `nowMs`), and Webex's unexpanded template `rand(30),add(30)`, whose maximum
 * applies, as does the maximum of a repeated header.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  const delayMs = text.length > MAX_HEADER_LENGTH ? 0 : requestedDelayMs(text, nowMs);
  return delayMs >= MIN_DELAY_MS ? Math.min(Math.ceil(delayMs), MAX_DELAY_MS) : undefined;
}

function requestedDelayMs(text: string, nowMs: number): number {
  const values = text.split(",").map((value) => value.trim());
  if (values.every((value) => /^\d+(\.\d+)?$/.test(value))) {
    return Math.max(...values.map(Number)) * 1000;
  }
  const template = UNEXPANDED_TEMPLATE.exec(text);
  if (template !== null) return (Number(template[1]) + Number(template[2])) * 1000;
  if (!DAY_NAME.test(text)) return 0;
  // The asctime form has no time zone, but is in UTC.
  const date = Date.parse(/(GMT|UTC)$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(date) ? 0 : date - nowMs;
}
