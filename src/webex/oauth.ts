import type { Fault } from "../faults/fault.js";
import { toPrintable } from "../faults/foreign-text.js";
import { containsSecret } from "../faults/redaction.js";
import { Secret } from "../faults/secret.js";
import { requestExisting } from "./api-address.js";
import {
  type ErrorResponse,
  foreignResponseFault,
  isRateLimited,
  parseErrorResponse,
  responseFault,
  restFault,
} from "./error-response.js";
import {
  type JsonObject,
  malformedResponse,
  optionalString,
  parseJsonObject,
  requiredString,
} from "./json-response.js";
import type { ReceivedResponse } from "./response-text.js";
import { type RestOptions, SMALL_LIMITS, throwIfCancelled } from "./rest.js";

/** The credentials of the Webex integration. */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** RFC 6749 5.1. Lifetimes start with the response; null if Webex did not send the member. */
export interface TokenResponse {
  readonly accessToken: Secret;
  readonly expiresInSeconds: number | null;
  /** null: the present one remains valid. */
  readonly refreshToken: Secret | null;
  readonly refreshTokenExpiresInSeconds: number | null;
  readonly scopes: readonly string[] | null;
}

/** RFC 8628 3.2. */
export interface DeviceAuthorization {
  readonly deviceCode: Secret;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | null;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
}

/** RFC 8628 3.5. */
export type DeviceTokenPoll =
  | { readonly kind: "authorized"; readonly tokens: TokenResponse }
  | { readonly kind: "pending" | "slowDown" | "denied" | "expired" };

export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scope: string;
  readonly state: string;
  readonly codeChallenge: string;
}

interface AuthorizationCodeGrant {
  readonly code: Secret;
  readonly redirectUri: string;
  readonly codeVerifier: Secret;
}

/**
 * Webex's OAuth endpoints. Faults: `grantRefused` (400, 401 or 403 in a form of Webex: a person has
 * to authorize again; `data.error` if Webex sent a code), `rateLimited`, `webexError` (5xx, or a
 * response that is not Webex's own), `webexUnreachable`, `cancelled`.
 */
export interface OAuthApi {
  /** The URL of the consent page (RFC 6749 4.1.1 with PKCE, RFC 7636). */
  authorizeUrl(request: AuthorizationRequest): string;
  exchangeCode(
    client: OAuthClient,
    grant: AuthorizationCodeGrant,
    signal: AbortSignal,
  ): Promise<TokenResponse>;
  refresh(client: OAuthClient, refreshToken: Secret, signal: AbortSignal): Promise<TokenResponse>;
  /** RFC 8628 3.1. */
  authorizeDevice(
    client: OAuthClient,
    scope: string,
    signal: AbortSignal,
  ): Promise<DeviceAuthorization>;
  /** RFC 8628 3.4. */
  pollDeviceToken(
    client: OAuthClient,
    deviceCode: Secret,
    signal: AbortSignal,
  ): Promise<DeviceTokenPoll>;
  /** RFC 7009. */
  revoke(client: OAuthClient, token: Secret, signal: AbortSignal): Promise<void>;
}

export interface OAuthEndpoints {
  readonly authorize: string;
  readonly token: string;
  readonly deviceAuthorize: string;
  readonly deviceToken: string;
  readonly revoke: string;
}

/** `apiUrl` has no trailing slash. Cisco revokes tokens on another host than it issues them. */
export function webexEndpoints(apiUrl: string): OAuthEndpoints {
  const { origin } = new URL(apiUrl);
  const isCisco = origin === "https://webexapis.com";
  return {
    authorize: `${apiUrl}/authorize`,
    token: `${apiUrl}/access_token`,
    deviceAuthorize: `${apiUrl}/device/authorize`,
    deviceToken: `${apiUrl}/device/token`,
    revoke: `${isCisco ? "https://idbroker.webex.com" : origin}/idb/oauth2/v1/revoke`,
  };
}

interface FormRequest {
  readonly url: string;
  /** No message contains a `Secret` of the form, even if Webex echoes it. */
  readonly fields: Readonly<Record<string, string | Secret>>;
  /** Sends the credentials by HTTP Basic authentication. */
  readonly basicAuth?: OAuthClient;
  /** The response may contain tokens, which Webex sends only once. */
  readonly isIrreplaceable?: boolean;
}

/** Form and status decide the fault; the texts only refine it. */
export function createOAuthApi(
  { http, clock, version, apiUrl, onSilence, storedSecrets }: RestOptions,
  endpoints = webexEndpoints(apiUrl),
): OAuthApi {
  async function send(
    { url, fields, basicAuth, isIrreplaceable = false }: FormRequest,
    signal: AbortSignal,
  ): Promise<{ readonly response: ReceivedResponse; readonly error: ErrorResponse | null }> {
    throwIfCancelled(signal);
    const credentials = basicAuth === undefined ? null : basicCredentials(basicAuth);
    const secrets = [
      ...Object.values(fields).filter((value) => value instanceof Secret),
      ...(basicAuth === undefined ? [] : [basicAuth.clientSecret]),
      ...(credentials === null ? [] : [credentials]),
      ...(storedSecrets?.() ?? []),
    ];
    const httpResponse = await http.send({
      method: "POST",
      url,
      headers: {
        Accept: "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": `ucx-webex-presence/${version}`,
        ...(credentials !== null && { Authorization: `Basic ${credentials.reveal()}` }),
      },
      body: encodeForm(fields),
      ...SMALL_LIMITS,
      ...(onSilence !== undefined && { onSilence }),
      isIrreplaceable,
      secrets,
      signal,
    });
    const response = { ...httpResponse, secrets };
    if (response.status >= 200 && response.status < 300) return { response, error: null };
    return { response, error: parseErrorResponse(response, clock.now()) };
  }

  async function post(form: FormRequest, signal: AbortSignal): Promise<ReceivedResponse> {
    const { response, error } = await send(form, signal);
    if (error !== null) throw oauthFault(error);
    return response;
  }

  async function requestTokens(
    { clientId, clientSecret }: OAuthClient,
    grant: FormRequest["fields"],
    signal: AbortSignal,
  ): Promise<TokenResponse> {
    const fields = { ...grant, client_id: clientId, client_secret: clientSecret };
    const form = { url: endpoints.token, fields, isIrreplaceable: true };
    const request = post(form, signal).then(decodeTokenResponse);
    return requestExisting(apiUrl, request);
  }

  return {
    authorizeUrl(request) {
      // Some consent pages do not decode + as a space, as URLSearchParams encodes it.
      const query = Object.entries({
        response_type: "code",
        client_id: request.clientId,
        redirect_uri: request.redirectUri,
        scope: request.scope,
        state: request.state,
        code_challenge: request.codeChallenge,
        code_challenge_method: "S256",
      }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      return `${endpoints.authorize}?${query.join("&")}`;
    },
    exchangeCode(client, { code, redirectUri, codeVerifier }, signal) {
      const grant = { grant_type: "authorization_code", code, redirect_uri: redirectUri };
      return requestTokens(client, { ...grant, code_verifier: codeVerifier }, signal);
    },
    refresh: (client, refreshToken, signal) =>
      requestTokens(client, { grant_type: "refresh_token", refresh_token: refreshToken }, signal),
    authorizeDevice({ clientId }, scope, signal) {
      const form = { url: endpoints.deviceAuthorize, fields: { client_id: clientId, scope } };
      const request = post(form, signal).then(decodeDeviceAuthorization);
      return requestExisting(apiUrl, request);
    },
    async pollDeviceToken(client, deviceCode, signal) {
      const form = {
        url: endpoints.deviceToken,
        fields: {
          grant_type: "urn:ietf:params:oauth:grant-type:device_code",
          device_code: deviceCode,
          client_id: client.clientId,
        },
        basicAuth: client,
        isIrreplaceable: true,
      };
      const { response, error } = await send(form, signal);
      if (error !== null) return toDeviceTokenPoll(error);
      return { kind: "authorized", tokens: decodeTokenResponse(response) };
    },
    async revoke(client, token, signal) {
      const fields = { token, token_type_hint: "refresh_token" };
      await post({ url: endpoints.revoke, fields, basicAuth: client }, signal);
    },
  };
}

function encodeForm(fields: FormRequest["fields"]): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    form.append(name, value instanceof Secret ? value.reveal() : value);
  }
  return form.toString();
}

/** RFC 6749 2.3.1: the id and the secret are form-encoded before they are joined. */
function basicCredentials({ clientId, clientSecret }: OAuthClient): Secret {
  const [id, secret] = [clientId, clientSecret].map((part) => encodeForm({ "": part }).slice(1));
  return new Secret(btoa(`${id}:${secret}`));
}

/**
 * RFC 6749 5.1. What repeats a secret is not a scope, but does not cost the tokens. Throws a
 * `Fault` `webexError` without `access_token`.
 */
function decodeTokenResponse(response: ReceivedResponse): TokenResponse {
  const body = parseJsonObject(response);
  const accessToken = new Secret(requiredString(body, "access_token"));
  const refreshText = optionalString(body, "refresh_token");
  const refreshToken = refreshText === null ? null : new Secret(refreshText);
  const issued = refreshToken === null ? [accessToken] : [accessToken, refreshToken];
  const scope = optionalString(body, "scope")?.trim() ?? "";
  const secrets = [...response.secrets, ...issued];
  const scopes = scope.split(/[\s,]+/).filter((each) => !containsSecret(each, secrets));
  return {
    accessToken,
    expiresInSeconds: seconds(body, "expires_in"),
    refreshToken,
    refreshTokenExpiresInSeconds: seconds(body, "refresh_token_expires_in"),
    scopes: scopes.join("") === "" ? null : scopes,
  };
}

/** The defaults of RFC 8628 3.2 and 3.5. */
const DEFAULT_INTERVAL_SECONDS = 5;
const DEFAULT_DEVICE_SECONDS = 300;
/** Limits how long a code is polled. After it, the flow begins again with a new code. */
const MAX_DEVICE_SECONDS = 86_400;

/** A person types it, or clicks on it. */
const MAX_USER_CODE_LENGTH = 64;
const MAX_VERIFICATION_URI_LENGTH = 2_048;

/**
 * RFC 8628 3.2. Throws a `Fault` `webexError` without what a person needs to continue, or if what
 * the person is shown is no address of a web page, or repeats a secret.
 */
function decodeDeviceAuthorization(response: ReceivedResponse): DeviceAuthorization {
  const body = parseJsonObject(response);
  const deviceCode = new Secret(requiredString(body, "device_code"));
  const userCode =
    typeof body.user_code === "number" ? String(body.user_code) : requiredString(body, "user_code");
  const verificationUri = requiredString(body, "verification_uri");
  const completeUri = optionalString(body, "verification_uri_complete");
  if (userCode.length > MAX_USER_CODE_LENGTH || toPrintable(userCode) !== userCode)
    throw malformedResponse("has a user_code that nobody can type");
  for (const uri of [verificationUri, completeUri ?? verificationUri])
    if (!isPageAddress(uri))
      throw malformedResponse("has a verification_uri that is not the address of a web page");
  const shown = [userCode, verificationUri, completeUri ?? ""].join(" ");
  if (containsSecret(shown, [...response.secrets, deviceCode]))
    throw malformedResponse("repeats a secret of the worker in what a person is shown");
  const lifetime = seconds(body, "expires_in") ?? DEFAULT_DEVICE_SECONDS;
  const expiresInSeconds = Math.min(lifetime, MAX_DEVICE_SECONDS);
  const interval = seconds(body, "interval") ?? DEFAULT_INTERVAL_SECONDS;
  return {
    deviceCode,
    userCode,
    verificationUri,
    verificationUriComplete: completeUri,
    expiresInSeconds,
    // With an interval beyond its expiry, the code would never be polled.
    intervalSeconds: interval < expiresInSeconds ? interval : DEFAULT_INTERVAL_SECONDS,
  };
}

const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Programs open it: `https`, or `http` on this machine, and nothing that hides a part of it. */
function isPageAddress(text: string): boolean {
  if (text.length > MAX_VERIFICATION_URI_LENGTH || /[\s\\]/.test(text)) return false;
  if (toPrintable(text) !== text || !URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && LOOPBACK_HOST.test(hostname));
}

/** Accepts a positive number, or its decimal digits as a string. */
function seconds(body: JsonObject, name: string): number | null {
  const member = body[name];
  const value = typeof member === "string" && /^\d+$/.test(member) ? Number(member) : member;
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

const POLL_ERRORS: Partial<Record<string, "pending" | "slowDown" | "denied" | "expired">> = {
  authorization_pending: "pending",
  slow_down: "slowDown",
  access_denied: "denied",
  expired_token: "expired",
};

/** RFC 8628 3.5. Webex responds with 428 while consent is pending. */
function toDeviceTokenPoll(error: ErrorResponse): DeviceTokenPoll {
  const { status, oauthError } = error;
  if (isRateLimited(status)) return { kind: "slowDown" };
  const kind = POLL_ERRORS[oauthError ?? ""] ?? (status === 428 ? "pending" : null);
  if (status < 400 || status >= 500 || kind === null) throw oauthFault(error);
  return { kind };
}

/**
 * 400, 401 and 403 require a person to act if Webex itself sent them. Those of a gateway are
 * transient, and so are 429 and 5xx.
 */
function oauthFault(error: ErrorResponse): Fault {
  const { status, isOAuthForm, oauthError } = error;
  if (isRateLimited(status) || status >= 500) return restFault(error);
  if (!isOAuthForm) return foreignResponseFault(error);
  if (status === 400 || status === 401 || status === 403) {
    const event = "Webex rejected the authorization";
    return responseFault("grantRefused", event, error, hintFor(oauthError));
  }
  const event = "Webex's authorization service sent an unexpected response";
  const hint = "Check WebexPresence.ApiUrl, and whether a proxy responds in place of Webex.";
  return responseFault("webexError", event, error, hint);
}

function hintFor(oauthError: string | null): string {
  switch (oauthError) {
    case "invalid_client":
    case "unauthorized_client":
      return "Check the integration's client ID and secret: ucx-webex-presence secret client";
    case "invalid_scope":
      return "Add the scopes spark-admin:people_read and spark-admin:organizations_read to the integration.";
    case "tokenlimit_reached":
      return "The administrator has too many authorizations of this integration: revoke those no longer used, then authorize again.";
    default:
      return "Authorize the organization again, as a Full Admin.";
  }
}
