import { createHash } from "node:crypto";
import type { AuthorizeRoutes } from "./authorize-routes.js";
import type { SimulatedClient } from "./client-registry.js";
import { jsonReply, oauthError, webexError, type Exchange, type Reply } from "./exchange.js";
import type { TokenResponse } from "./token-store.js";
import type { SimulatorContext } from "./world.js";

/** POST /v1/access_token: codes and refresh tokens against access tokens. The secret is needed with PKCE, too. */
export async function tokenRoute(
  exchange: Exchange,
  context: SimulatorContext,
  authorize: AuthorizeRoutes,
): Promise<Reply> {
  const form = await exchange.form();
  const client = authenticateClient(exchange, form, context);
  if (!client) return oauthError(401, "invalid_client", "The client credentials are not valid.");
  switch (form.get("grant_type")) {
    case "authorization_code":
      return exchangeCode(form, client, context, authorize);
    case "refresh_token": {
      const tokens = context.tokens.refresh(form.get("refresh_token") ?? "", client.clientId);
      return tokens ? tokenReply(tokens) : deadRefreshTokenReply(exchange, context);
    }
    default:
      return oauthError(400, "unsupported_grant_type", "The grant type is not supported.");
  }
}

/** POST /idb/oauth2/v1/revoke (RFC 7009): 200 also for a token that nobody knows. */
export async function revokeRoute(exchange: Exchange, context: SimulatorContext): Promise<Reply> {
  const form = await exchange.form();
  const { basicCredentials: basic } = exchange;
  if (!basic || !context.clients.authenticate(basic.id, basic.secret)) {
    return oauthError(401, "invalid_client", "The client credentials are not valid.");
  }
  context.tokens.revoke(form.get("token") ?? "");
  return { status: 200 };
}

export function tokenReply(tokens: TokenResponse): Reply {
  return jsonReply(200, tokens, { "cache-control": "no-store", pragma: "no-cache" });
}

/** The refusal where a user has too many grants for one client, else null. */
export function tokenLimitError(
  context: SimulatorContext,
  clientId: string,
  organizationIndex: number,
): Reply | null {
  const limit = context.knobs.tokensPerUser;
  const activeGrants = context.tokens.countActiveGrants(
    (grant) => grant.clientId === clientId && grant.organization.index === organizationIndex,
  );
  return limit > 0 && activeGrants >= limit
    ? oauthError(400, "tokenlimit_reached", "The token limit of this user and client is reached.")
    : null;
}

/** The client that authenticates itself by HTTP Basic or in the form. */
export function authenticateClient(
  exchange: Exchange,
  form: URLSearchParams,
  context: SimulatorContext,
): SimulatedClient | null {
  const { basicCredentials: basic } = exchange;
  return basic
    ? context.clients.authenticate(basic.id, basic.secret)
    : context.clients.authenticate(form.get("client_id"), form.get("client_secret"));
}

function exchangeCode(
  form: URLSearchParams,
  client: SimulatedClient,
  context: SimulatorContext,
  authorize: AuthorizeRoutes,
): Reply {
  const pending = authorize.redeemCode(form.get("code") ?? "");
  if (pending?.clientId !== client.clientId)
    return oauthError(400, "invalid_grant", "The code is not valid.");
  if (pending.redirectUri !== form.get("redirect_uri"))
    return oauthError(400, "invalid_grant", "The redirect_uri does not match.");
  const challenge = createHash("sha256")
    .update(form.get("code_verifier") ?? "")
    .digest("base64url");
  if (pending.challenge !== null && pending.challenge !== challenge) {
    return oauthError(400, "invalid_grant", "The code_verifier does not match.");
  }
  const { organization, role } = pending.login;
  const limitError = tokenLimitError(context, client.clientId, organization.index);
  if (limitError) return limitError;
  return tokenReply(
    context.tokens.issue({ organization, role, scopes: pending.scopes, clientId: client.clientId }),
  );
}

function deadRefreshTokenReply(exchange: Exchange, context: SimulatorContext): Reply {
  const form = context.knobs.deadRefreshTokenForm;
  if (form === "webex")
    return webexError(
      exchange,
      400,
      "The refresh token provided is expired, revoked or malformed.",
    );
  return oauthError(
    400,
    form,
    "The refresh token provided is expired, revoked, malformed, or invalid.",
  );
}
