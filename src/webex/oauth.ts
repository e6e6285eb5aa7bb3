import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";
import { readErrorAnswer } from "./error-answer.js";
import type { ErrorAnswer } from "./error-answer.js";
import { jsonAnswer } from "./json-answer.js";
import type { DeviceCode, DevicePoll, OAuthApi, OAuthClient, OAuthEndpoints, TokenAnswer } from "./oauth-api.js";
import { SMALL_LIMITS } from "./rest.js";
import type { RestParts } from "./rest.js";
import { restFault, throwIfCancelled } from "./rest-faults.js";
import { decodeDeviceCode, decodeTokenAnswer } from "./token-decoder.js";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

interface Form {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Whose id and secret go into HTTP Basic, where the endpoint wants it. */
  readonly basic?: OAuthClient;
  /** Whether the answer may hold tokens, which Webex gives only once. */
  readonly onlyOnce?: boolean;
  /** What the form holds and no message may. */
  readonly secrets: readonly Secret[];
}

interface Answer {
  readonly response: HttpResponse;
  /** null for a success. */
  readonly error: ErrorAnswer | null;
}

/** `OAuthApi` by HTTP. Refusals go by the status; what the body says only refines them. */
export class WebexOAuth implements OAuthApi {
  readonly #parts: Omit<RestParts, "apiUrl">;
  readonly #endpoints: OAuthEndpoints;

  constructor(parts: Omit<RestParts, "apiUrl">, endpoints: OAuthEndpoints) {
    this.#parts = parts;
    this.#endpoints = endpoints;
  }

  authorizeUrl(request: { clientId: string; redirectUri: string; scope: string; state: string; codeChallenge: string }): string {
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
  ): Promise<TokenAnswer> {
    return this.#token(
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

  async refresh(client: OAuthClient, refreshToken: Secret, signal: AbortSignal): Promise<TokenAnswer> {
    return this.#token(client, { grant_type: "refresh_token", refresh_token: refreshToken.reveal() }, [refreshToken], signal);
  }

  async beginDevice(client: OAuthClient, scope: string, signal: AbortSignal): Promise<DeviceCode> {
    const fields = { client_id: client.clientId, scope };
    const { response, error } = await this.#post({ url: this.#endpoints.deviceAuthorize, fields, secrets: [] }, signal);
    if (error !== null) throw oauthFault(response.status, error);
    return decodeDeviceCode(jsonAnswer(response));
  }

  async pollDevice(client: OAuthClient, deviceCode: Secret, signal: AbortSignal): Promise<DevicePoll> {
    const fields = { grant_type: DEVICE_GRANT, device_code: deviceCode.reveal(), client_id: client.clientId };
    const form = { url: this.#endpoints.deviceToken, fields, basic: client, onlyOnce: true, secrets: [deviceCode] };
    const { response, error } = await this.#post(form, signal);
    if (error === null) return { kind: "authorized", answer: decodeTokenAnswer(jsonAnswer(response)) };
    return devicePoll(response.status, error);
  }

  async revoke(client: OAuthClient, token: Secret, signal: AbortSignal): Promise<void> {
    const fields = { token: token.reveal(), token_type_hint: "refresh_token" };
    const form = { url: this.#endpoints.revoke, fields, basic: client, secrets: [token] };
    const { response, error } = await this.#post(form, signal);
    if (error !== null) throw oauthFault(response.status, error);
  }

  async #token(
    client: OAuthClient,
    grant: Readonly<Record<string, string>>,
    secrets: readonly Secret[],
    signal: AbortSignal,
  ): Promise<TokenAnswer> {
    const fields = { ...grant, client_id: client.clientId, client_secret: client.clientSecret.reveal() };
    const form = { url: this.#endpoints.token, fields, onlyOnce: true, secrets: [...secrets, client.clientSecret] };
    const { response, error } = await this.#post(form, signal);
    if (error !== null) throw oauthFault(response.status, error);
    return decodeTokenAnswer(jsonAnswer(response));
  }

  async #post(form: Form, signal: AbortSignal): Promise<Answer> {
    throwIfCancelled(signal);
    const response = await this.#parts.http.send({
      method: "POST",
      url: form.url,
      headers: {
        Accept: "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": `ucx-webex-presence/${this.#parts.version}`,
        ...(form.basic !== undefined && { Authorization: basicCredentials(form.basic) }),
      },
      body: new URLSearchParams({ ...form.fields }).toString(),
      ...SMALL_LIMITS,
      ...(form.onlyOnce === true && { onlyOnce: true }),
      signal,
    });
    if (response.status >= 200 && response.status < 300) return { response, error: null };
    const secrets = form.basic === undefined ? form.secrets : [...form.secrets, form.basic.clientSecret];
    return { response, error: readErrorAnswer(response, this.#parts.clock.now(), secrets) };
  }
}

/** RFC 6749 2.3.1: id and secret are form-encoded before they are joined. */
function basicCredentials(client: OAuthClient): string {
  return `Basic ${btoa(`${formEncoded(client.clientId)}:${formEncoded(client.clientSecret.reveal())}`)}`;
}

function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

/** RFC 8628 3.5, and what Webex makes of it: 428 while nobody has consented yet. */
function devicePoll(status: number, error: ErrorAnswer): DevicePoll {
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
function oauthFault(status: number, error: ErrorAnswer): Fault {
  const said = error.text === "" ? "." : `: ${error.text}`;
  if (status === 400 || status === 401 || (status === 403 && error.isJson)) {
    return new Fault("grantRefused", `Webex refused the authorization (${status})${said}`, {
      ...error.details,
      hint: hintFor(error.oauthError),
      ...(error.oauthError !== null && { data: { error: error.oauthError } }),
    });
  }
  if (status === 429 || status === 423 || status >= 500) return restFault(status, error);
  return new Fault("webexError", `Webex's authorization service gave an answer that means nothing here (${status})${said}`, {
    ...error.details,
    hint: "Check WebexPresence.ApiUrl, and whether a proxy answers in Webex's place.",
  });
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
