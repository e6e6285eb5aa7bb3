import { createHash, randomInt } from "node:crypto";
import {
  accessDeniedPage,
  consentPage,
  messagePage,
  parseLogin,
  type Login,
} from "./consent-page.js";
import {
  htmlReply,
  jsonReply,
  notFound,
  oauthError,
  webexError,
  type Exchange,
  type Reply,
  type SimulatorContext,
} from "./exchange.js";
import { ADMIN_SCOPES, type SimulatedClient, type TokenResponse } from "./token-store.js";

const DEVICE_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
const TOKEN_LIMIT_REACHED = "The token limit of this user and client is reached.";
/** Both sides round to milliseconds, so a poll may arrive slightly before its interval ends. */
const POLL_TOLERANCE_MS = 50;

/** An authorization code that has not been redeemed yet. */
interface PendingCode {
  readonly login: Login;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly challenge: string | null;
  readonly expiresAt: number;
}

interface AuthorizationRequest {
  readonly client: SimulatedClient;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly challenge: string | null;
}

interface DeviceFlow {
  readonly clientId: string;
  readonly userCode: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  decision: "waiting" | "denied" | Login;
  lastPollAt: number;
}

/**
 * Webex's OAuth endpoints: the authorization code flow with PKCE (RFC 6749, RFC 7636), the device
 * flow (RFC 8628) and revocation (RFC 7009).
 */
export class OAuthRoutes {
  readonly #codes = new Map<string, PendingCode>();
  /** By device code. */
  readonly #deviceFlows = new Map<string, DeviceFlow>();

  async handle(exchange: Exchange): Promise<Reply> {
    switch (`${exchange.method} ${exchange.url.pathname}`) {
      case "GET /v1/authorize":
      case "POST /v1/authorize":
        return this.#authorize(exchange);
      case "POST /v1/access_token":
        return this.#exchangeTokens(exchange);
      case "POST /idb/oauth2/v1/revoke":
        return this.#revoke(exchange);
      case "POST /v1/device/authorize":
        return this.#authorizeDevice(exchange);
      case "POST /v1/device/token":
        return this.#pollDeviceToken(exchange);
      case "GET /device":
        return this.#deviceConsentPage(exchange);
      case "POST /device":
        return this.#decideDeviceFlow(exchange);
      default:
        return notFound(exchange);
    }
  }

  /** GET shows the consent page, and POST is the administrator's decision. */
  async #authorize(exchange: Exchange): Promise<Reply> {
    const isPost = exchange.method === "POST";
    const params = isPost ? await exchange.form() : exchange.url.searchParams;
    const request = parseAuthorizationRequest(exchange, params);
    if ("status" in request) return request;
    if (isPost) return this.#applyDecision(exchange, request, params);
    const { organizations } = exchange.context.population;
    const hiddenFields = Object.fromEntries(params);
    const { scopes } = request;
    return htmlReply(
      200,
      consentPage({
        action: "/v1/authorize",
        scopes,
        hiddenFields,
        organizations,
        isDeviceFlow: false,
      }),
    );
  }

  #applyDecision(
    { context }: Exchange,
    request: AuthorizationRequest,
    params: URLSearchParams,
  ): Reply {
    const decision = params.get("decision");
    if (decision === "decline") {
      return redirectError(params, "access_denied", "The resource owner denied the request.");
    }
    if (decision === "wrongScope") return redirectError(params, "invalid_scope");
    if (decision === "serverError") return redirectError(params, "server_error");
    const login = parseLogin(params.get("login"), context.population.organizations);
    if (!login) {
      return htmlReply(
        400,
        messagePage("Sign-in failed", "This login does not exist.", "consent-error"),
      );
    }
    if (decision === "blocked" || context.knobs.integrationBlocked) {
      return htmlReply(200, accessDeniedPage());
    }
    const { client, ...rest } = request;
    const code = context.tokens.createSecret(32);
    const expiresAt = context.now() + context.knobs.codeSeconds * 1000;
    this.#codes.set(code, { ...rest, login, clientId: client.clientId, expiresAt });
    return redirectToClient(params, { code });
  }

  /** Exchanges a code or a refresh token. Webex requires the client secret with PKCE, too. */
  async #exchangeTokens(exchange: Exchange): Promise<Reply> {
    const { clients, tokens, knobs } = exchange.context;
    const form = await exchange.form();
    const client = exchange.basicCredentials
      ? authenticateBasic(exchange)
      : clients.authenticate(form.get("client_id"), form.get("client_secret"));
    if (!client) return invalidClient();
    switch (form.get("grant_type")) {
      case "authorization_code":
        return this.#redeemCode(exchange, form, client);
      case "refresh_token": {
        const response = tokens.refresh(form.get("refresh_token") ?? "", client.clientId);
        if (response) return tokenReply(response);
        if (knobs.deadRefreshTokenForm === "webex") {
          const message = "The refresh token provided is expired, revoked or malformed.";
          return webexError(exchange, 400, message);
        }
        const description =
          "The refresh token provided is expired, revoked, malformed, or invalid.";
        return oauthError(400, knobs.deadRefreshTokenForm, description);
      }
      default:
        return oauthError(400, "unsupported_grant_type", "The grant type is not supported.");
    }
  }

  /** A code is valid once: the first attempt to redeem it, successful or not, uses it up. */
  #redeemCode({ context }: Exchange, form: URLSearchParams, client: SimulatedClient): Reply {
    const code = form.get("code") ?? "";
    const pending = this.#codes.get(code);
    this.#codes.delete(code);
    if (pending?.clientId !== client.clientId || pending.expiresAt <= context.now()) {
      return oauthError(400, "invalid_grant", "The code is not valid.");
    }
    if (pending.redirectUri !== form.get("redirect_uri")) {
      return oauthError(400, "invalid_grant", "The redirect_uri does not match.");
    }
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (pending.challenge !== null && pending.challenge !== challenge) {
      return oauthError(400, "invalid_grant", "The code_verifier does not match.");
    }
    return (
      issueTokens(context, pending.login, pending) ??
      oauthError(400, "tokenlimit_reached", TOKEN_LIMIT_REACHED)
    );
  }

  /** Replies with 200 for unknown tokens, too (RFC 7009, section 2.2). */
  async #revoke(exchange: Exchange): Promise<Reply> {
    const form = await exchange.form();
    if (!authenticateBasic(exchange)) return invalidClient();
    exchange.context.tokens.revoke(form.get("token") ?? "");
    return { status: 200 };
  }

  async #authorizeDevice(exchange: Exchange): Promise<Reply> {
    const { clients, tokens, knobs, now } = exchange.context;
    const form = await exchange.form();
    const client = clients.find(form.get("client_id"));
    if (!client) return deviceError(exchange, "invalid_client", "The client_id is not known.");
    const scopes = parseScopes(form, client);
    if (!scopes) return deviceError(exchange, "invalid_scope", "The requested scope is invalid.");
    const deviceCode = tokens.createSecret(32);
    const userCode = String(randomInt(100_000, 1_000_000));
    this.#deviceFlows.set(deviceCode, {
      clientId: client.clientId,
      userCode,
      scopes,
      expiresAt: now() + knobs.deviceSeconds * 1000,
      decision: "waiting",
      lastPollAt: -Infinity,
    });
    const { origin } = exchange.url;
    return jsonReply(200, {
      device_code: deviceCode,
      expires_in: knobs.deviceSeconds,
      user_code: userCode,
      verification_uri: `${origin}/device`,
      verification_uri_complete: `${origin}/device?user_code=${userCode}`,
      interval: knobs.deviceIntervalSeconds,
    });
  }

  async #pollDeviceToken(exchange: Exchange): Promise<Reply> {
    const form = await exchange.form();
    const client = authenticateBasic(exchange);
    if (!client) {
      return deviceError(exchange, "invalid_client", "The client credentials are not valid.", 401);
    }
    if (form.get("grant_type") !== DEVICE_GRANT_TYPE) {
      const message = "The grant type is not supported.";
      return deviceError(exchange, "unsupported_grant_type", message);
    }
    const deviceCode = form.get("device_code") ?? "";
    const flow = this.#deviceFlows.get(deviceCode);
    if (flow?.clientId !== client.clientId) {
      return deviceError(exchange, "invalid_grant", "The device_code is not valid.");
    }
    const { knobs } = exchange.context;
    const now = exchange.context.now();
    const isTooFast =
      now - flow.lastPollAt < knobs.deviceIntervalSeconds * 1000 - POLL_TOLERANCE_MS;
    flow.lastPollAt = now;
    if (flow.expiresAt <= now) {
      return deviceError(exchange, "expired_token", "The device code has expired.");
    }
    if (flow.decision === "denied") {
      return deviceError(exchange, "access_denied", "The request was denied.");
    }
    if (isTooFast && knobs.deviceTooFastForm === "slow_down") {
      return deviceError(exchange, "slow_down", "Poll less often.");
    }
    if (isTooFast && knobs.deviceTooFastForm === "429") {
      return webexError(exchange, 429, "Too many requests.");
    }
    if (flow.decision === "waiting") {
      const status = knobs.devicePendingForm === "428" ? 428 : 400;
      const message = "The authorization is still pending.";
      return deviceError(exchange, "authorization_pending", message, status);
    }
    this.#deviceFlows.delete(deviceCode);
    return (
      issueTokens(exchange.context, flow.decision, flow) ??
      deviceError(exchange, "tokenlimit_reached", TOKEN_LIMIT_REACHED)
    );
  }

  #deviceConsentPage({ url, context }: Exchange): Reply {
    const userCode = url.searchParams.get("user_code");
    const hiddenFields: Record<string, string> = userCode === null ? {} : { user_code: userCode };
    const scopes = this.#findDeviceFlow(context, userCode)?.scopes ?? ADMIN_SCOPES;
    const { organizations } = context.population;
    return htmlReply(
      200,
      consentPage({ action: "/device", scopes, hiddenFields, organizations, isDeviceFlow: true }),
    );
  }

  async #decideDeviceFlow(exchange: Exchange): Promise<Reply> {
    const { knobs, population } = exchange.context;
    const form = await exchange.form();
    const flow = this.#findDeviceFlow(exchange.context, form.get("user_code"));
    const login = parseLogin(form.get("login"), population.organizations);
    if (!flow || !login) {
      const message = "The code is not valid or has expired.";
      return htmlReply(400, messagePage("Something went wrong", message, "consent-error"));
    }
    const decision = form.get("decision");
    if (decision === "decline") {
      flow.decision = "denied";
      const message = "The device was denied access.";
      return htmlReply(200, messagePage("Declined", message, "device-declined"));
    }
    if (decision === "blocked" || knobs.integrationBlocked) {
      return htmlReply(200, accessDeniedPage());
    }
    flow.decision = login;
    const message = "The device is authorized. You can close this page.";
    return htmlReply(200, messagePage("Done", message, "device-done"));
  }

  #findDeviceFlow(context: SimulatorContext, userCode: string | null): DeviceFlow | null {
    const digits = userCode?.replaceAll(/\D/g, "") ?? "";
    for (const flow of this.#deviceFlows.values()) {
      const isOpen = flow.expiresAt > context.now() && flow.decision === "waiting";
      if (isOpen && flow.userCode === digits) return flow;
    }
    return null;
  }
}

/**
 * Validates an authorization request (RFC 6749, section 4.1.1). An invalid client or redirect URI
 * is reported on a page of its own, every other error to the redirect URI.
 */
function parseAuthorizationRequest(
  { context }: Exchange,
  params: URLSearchParams,
): AuthorizationRequest | Reply {
  const client = context.clients.find(params.get("client_id"));
  if (!client) return errorPage("The client_id is not known.");
  const redirectUri = params.get("redirect_uri") ?? "";
  if (!client.redirectUris.has(redirectUri)) {
    return errorPage("The redirect_uri is not registered for this integration.");
  }
  if (params.get("response_type") !== "code") {
    return redirectError(params, "unsupported_response_type");
  }
  const scopes = parseScopes(params, client);
  if (!scopes) return redirectError(params, "invalid_scope", "The requested scope is invalid.");
  const challenge = params.get("code_challenge");
  if (challenge !== null && params.get("code_challenge_method") !== "S256") {
    return redirectError(params, "invalid_request", "Only S256 is supported.");
  }
  return { client, redirectUri, scopes, challenge };
}

/** The requested scopes, or null if there are none or the client is not registered for one. */
function parseScopes(params: URLSearchParams, client: SimulatedClient): string[] | null {
  const scopes = (params.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
  return scopes.length > 0 && scopes.every((scope) => client.scopes.has(scope)) ? scopes : null;
}

function errorPage(message: string): Reply {
  const title = "The integration is not configured correctly";
  return htmlReply(400, messagePage(title, message, "consent-error"));
}

function redirectError(params: URLSearchParams, error: string, description?: string): Reply {
  return redirectToClient(params, {
    error,
    ...(description === undefined ? {} : { error_description: description }),
  });
}

/** Redirects the browser to the integration, with the `state` of the request. */
function redirectToClient(
  params: URLSearchParams,
  result: Readonly<Record<string, string>>,
): Reply {
  const url = new URL(params.get("redirect_uri") ?? "");
  const state = params.get("state");
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, value);
  if (state !== null) url.searchParams.set("state", state);
  return { status: 302, headers: { location: url.href } };
}

function authenticateBasic({ basicCredentials, context }: Exchange): SimulatedClient | null {
  if (!basicCredentials) return null;
  return context.clients.authenticate(basicCredentials.id, basicCredentials.secret);
}

function invalidClient(): Reply {
  return oauthError(401, "invalid_client", "The client credentials are not valid.");
}

/** An error of the device flow: its code is in `errors[0].description`, or in `error`. */
function deviceError(exchange: Exchange, code: string, message: string, status = 400): Reply {
  return exchange.context.knobs.deviceErrorForm === "webex"
    ? webexError(exchange, status, message, { description: code })
    : oauthError(status, code, message);
}

/** Issues a new grant's tokens; null if the user has too many grants for the client. */
function issueTokens(
  { tokens, knobs }: SimulatorContext,
  { organization, role }: Login,
  { clientId, scopes }: { readonly clientId: string; readonly scopes: readonly string[] },
): Reply | null {
  const limit = knobs.tokensPerUser;
  // The logins with an administrator role are the same user.
  const activeGrants = tokens.countActiveGrants(
    (grant) =>
      grant.clientId === clientId &&
      grant.organization === organization &&
      (grant.role === "user") === (role === "user"),
  );
  if (limit > 0 && activeGrants >= limit) return null;
  return tokenReply(tokens.issue({ organization, role, scopes, clientId }));
}

function tokenReply(response: TokenResponse): Reply {
  return jsonReply(200, response, { "cache-control": "no-store", pragma: "no-cache" });
}
