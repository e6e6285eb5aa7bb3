import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";
import { parseErrorResponse } from "./error-response.js";
import type { ErrorResponse } from "./error-response.js";
import { parseJsonObject } from "./json-response.js";
import type {
  DeviceAuthorization,
  DeviceTokenPoll,
  OAuthApi,
  OAuthClient,
  OAuthEndpoints,
  TokenResponse,
} from "./oauth-api.js";
import { SMALL_LIMITS } from "./rest.js";
import type { RestOptions } from "./rest.js";
import { restFault, throwIfCancelled } from "./rest-faults.js";
import { decodeDeviceAuthorization, decodeTokenResponse } from "./token-decoder.js";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

interface FormRequest {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Whose id and secret go into HTTP Basic, where the endpoint wants it. */
  readonly basicAuth?: OAuthClient;
  /** Whether the answer may hold tokens, which Webex gives only once. */
  readonly isIrreplaceable?: boolean;
  /** What the form holds and no message may. */
  readonly secrets: readonly Secret[];
}

interface FormResponse {
  readonly response: HttpResponse;
  /** null for a success. */
  readonly error: ErrorResponse | null;
}

/** `OAuthApi` by HTTP. Refusals go by the status; what the body says only refines them. */
export class WebexOAuth implements OAuthApi {
  readonly #options: Omit<RestOptions, "apiUrl">;
  readonly #endpoints: OAuthEndpoints;

  constructor(options: Omit<RestOptions, "apiUrl">, endpoints: OAuthEndpoints) {
    this.#options = options;
    this.#endpoints = endpoints;
  }

  authorizeUrl(request: {
    clientId: string;
    redirectUri: string;
    scope: string;
    state: string;
    codeChallenge: string;
  }): string {
    // %20 rather than +: not every consent page decodes the form's way of writing a space.
    const query = Object.entries({
      response_type: "code",
      client_id: request.clientId,
      redirect_uri: request.redirectUri,
      scope: request.scope,
      state: request.state,
      code_challenge: request.codeChallenge,
      code_challenge_method: "S256",
    }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return `${this.#endpoints.authorize}?${query.join("&")}`;
  }

  async exchangeCode(
    client: OAuthClient,
    grant: { code: Secret; redirectUri: string; codeVerifier: Secret },
    signal: AbortSignal,
  ): Promise<TokenResponse> {
    return this.#requestTokens(
      client,
      {
        grant_type: "authorization_code",
        code: grant.code.reveal(),
        redirect_uri: grant.redirectUri,
        code_verifier: grant.codeVerifier.reveal(),
      },
      [grant.code, grant.codeVerifier],
      signal,
    );
  }

  async refresh(
    client: OAuthClient,
    refreshToken: Secret,
    signal: AbortSignal,
  ): Promise<TokenResponse> {
    return this.#requestTokens(
      client,
      { grant_type: "refresh_token", refresh_token: refreshToken.reveal() },
      [refreshToken],
      signal,
    );
  }

  async authorizeDevice(
    client: OAuthClient,
    scope: string,
    signal: AbortSignal,
  ): Promise<DeviceAuthorization> {
    const fields = { client_id: client.clientId, scope };
    const { response, error } = await this.#post(
      { url: this.#endpoints.deviceAuthorize, fields, secrets: [] },
      signal,
    );
    if (error !== null) throw oauthFault(response.status, error);
    return decodeDeviceAuthorization(parseJsonObject(response));
  }

  async pollDeviceToken(
    client: OAuthClient,
    deviceCode: Secret,
    signal: AbortSignal,
  ): Promise<DeviceTokenPoll> {
    const fields = {
      grant_type: DEVICE_GRANT,
      device_code: deviceCode.reveal(),
      client_id: client.clientId,
    };
    const form = {
      url: this.#endpoints.deviceToken,
      fields,
      basicAuth: client,
      isIrreplaceable: true,
      secrets: [deviceCode],
    };
    const { response, error } = await this.#post(form, signal);
    if (error === null)
      return { kind: "authorized", tokens: decodeTokenResponse(parseJsonObject(response)) };
    return toDeviceTokenPoll(response.status, error);
  }

  async revoke(client: OAuthClient, token: Secret, signal: AbortSignal): Promise<void> {
    const fields = { token: token.reveal(), token_type_hint: "refresh_token" };
    const form = { url: this.#endpoints.revoke, fields, basicAuth: client, secrets: [token] };
    const { response, error } = await this.#post(form, signal);
    if (error !== null) throw oauthFault(response.status, error);
  }

  async #requestTokens(
    client: OAuthClient,
    grant: Readonly<Record<string, string>>,
    secrets: readonly Secret[],
    signal: AbortSignal,
  ): Promise<TokenResponse> {
    const fields = {
      ...grant,
      client_id: client.clientId,
      client_secret: client.clientSecret.reveal(),
    };
    const form = {
      url: this.#endpoints.token,
      fields,
      isIrreplaceable: true,
      secrets: [...secrets, client.clientSecret],
    };
    const { response, error } = await this.#post(form, signal);
    if (error !== null) throw oauthFault(response.status, error);
    return decodeTokenResponse(parseJsonObject(response));
  }

  async #post(form: FormRequest, signal: AbortSignal): Promise<FormResponse> {
    throwIfCancelled(signal);
    const response = await this.#options.http.send({
      method: "POST",
      url: form.url,
      headers: {
        Accept: "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": `ucx-webex-presence/${this.#options.version}`,
        ...(form.basicAuth !== undefined && { Authorization: basicCredentials(form.basicAuth) }),
      },
      body: new URLSearchParams({ ...form.fields }).toString(),
      ...SMALL_LIMITS,
      ...(form.isIrreplaceable === true && { isIrreplaceable: true }),
      signal,
    });
    if (response.status >= 200 && response.status < 300) return { response, error: null };
    const secrets =
      form.basicAuth === undefined ? form.secrets : [...form.secrets, form.basicAuth.clientSecret];
    return { response, error: parseErrorResponse(response, this.#options.clock.now(), secrets) };
  }
}

/** RFC 6749 2.3.1: id and secret are form-encoded before they are joined. */
function basicCredentials(client: OAuthClient): string {
  return `Basic ${btoa(`${formEncode(client.clientId)}:${formEncode(client.clientSecret.reveal())}`)}`;
}

function formEncode(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

/** RFC 8628 3.5, and what Webex makes of it: 428 while nobody has consented yet. */
function toDeviceTokenPoll(status: number, error: ErrorResponse): DeviceTokenPoll {
  if (status === 429 || status === 423) return { kind: "slowDown" };
  if (status < 400 || status >= 500) throw oauthFault(status, error);
  switch (error.oauthError) {
    case "authorization_pending":
      return { kind: "pending" };
    case "slow_down":
      return { kind: "slowDown" };
    case "access_denied":
      return { kind: "denied" };
    case "expired_token":
      return { kind: "expired" };
    default:
      if (status === 428) return { kind: "pending" };
      throw oauthFault(status, error);
  }
}

/** 400 and 401 mean that a person has to act, 403 only in Webex's own words: a gateway's 403 passes, as everything else does. */
function oauthFault(status: number, error: ErrorResponse): Fault {
  const detail = error.text === "" ? "." : `: ${error.text}`;
  if (status === 400 || status === 401 || (status === 403 && error.isJson)) {
    return new Fault("grantRefused", `Webex refused the authorization (${status})${detail}`, {
      ...error.details,
      hint: hintFor(error.oauthError),
      ...(error.oauthError !== null && { data: { error: error.oauthError } }),
    });
  }
  if (status === 429 || status === 423 || status >= 500) return restFault(status, error);
  return new Fault(
    "webexError",
    `Webex's authorization service gave an answer that means nothing here (${status})${detail}`,
    {
      ...error.details,
      hint: "Check WebexPresence.ApiUrl, and whether a proxy answers in Webex's place.",
    },
  );
}

function hintFor(oauthError: string | null): string {
  switch (oauthError) {
    case "invalid_client":
    case "unauthorized_client":
      return "Check the integration's client id and secret: ucx-webex-presence secret client";
    case "invalid_scope":
      return "Add the scopes spark-admin:people_read and spark-admin:organizations_read to the integration.";
    case "tokenlimit_reached":
      return "The administrator has too many authorizations of this integration: revoke those no longer used, then authorize again.";
    default:
      return "Authorize the organization again, as a full administrator.";
  }
}
