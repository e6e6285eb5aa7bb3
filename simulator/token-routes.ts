import { createHash } from "node:crypto";
import type { AuthorizeRoutes } from "./authorize-routes.js";
import type { SimulatedClient } from "./client-registry.js";
import { jsonReply, oauthError, webexError, type Exchange, type Reply } from "./exchange.js";
import type { TokenAnswerBody } from "./token-store.js";
import type { World } from "./world.js";

/** POST /v1/access_token: codes and refresh tokens against access tokens. The secret is needed with PKCE, too. */
export async function tokenRoute(exchange: Exchange, world: World, authorize: AuthorizeRoutes): Promise<Reply> {
  const form = await exchange.form();
  const client = clientOf(exchange, form, world);
  if (!client) return oauthError(401, "invalid_client", "The client credentials are not valid.");
  switch (form.get("grant_type")) {
    case "authorization_code":
      return exchangeCode(form, client, world, authorize);
    case "refresh_token": {
      const answer = world.tokens.refresh(form.get("refresh_token") ?? "", client.clientId);
      return answer ? tokenReply(answer) : deadRefreshToken(exchange, world);
    }
    default:
      return oauthError(400, "unsupported_grant_type", "The grant type is not supported.");
  }
}

/** POST /idb/oauth2/v1/revoke (RFC 7009): 200 also for a token that nobody knows. */
export async function revokeRoute(exchange: Exchange, world: World): Promise<Reply> {
  const form = await exchange.form();
  const { basic } = exchange;
  if (!basic || !world.clients.authenticate(basic.id, basic.secret)) {
    return oauthError(401, "invalid_client", "The client credentials are not valid.");
  }
  world.tokens.revoke(form.get("token") ?? "");
  return { status: 200 };
}

export function tokenReply(answer: TokenAnswerBody): Reply {
  return jsonReply(200, answer, { "cache-control": "no-store", pragma: "no-cache" });
}

/** The refusal where a user has too many grants for one client, else null. */
export function overTokenLimit(world: World, clientId: string, organizationIndex: number): Reply | null {
  const cap = world.knobs.tokensPerUser;
  const held = world.tokens.livingGrants(
    (grant) => grant.clientId === clientId && grant.organization.index === organizationIndex,
  );
  return cap > 0 && held >= cap
    ? oauthError(400, "tokenlimit_reached", "The token limit of this user and client is reached.")
    : null;
}

/** The client that authenticates itself by HTTP Basic or in the form. */
export function clientOf(exchange: Exchange, form: URLSearchParams, world: World): SimulatedClient | null {
  const { basic } = exchange;
  return basic
    ? world.clients.authenticate(basic.id, basic.secret)
    : world.clients.authenticate(form.get("client_id"), form.get("client_secret"));
}

function exchangeCode(form: URLSearchParams, client: SimulatedClient, world: World, authorize: AuthorizeRoutes): Reply {
  const pending = authorize.take(form.get("code") ?? "");
  if (pending?.clientId !== client.clientId) return oauthError(400, "invalid_grant", "The code is not valid.");
  if (pending.redirectUri !== form.get("redirect_uri"))
    return oauthError(400, "invalid_grant", "The redirect_uri does not match.");
  const challenge = createHash("sha256")
    .update(form.get("code_verifier") ?? "")
    .digest("base64url");
  if (pending.challenge !== null && pending.challenge !== challenge) {
    return oauthError(400, "invalid_grant", "The code_verifier does not match.");
  }
  const { organization, role } = pending.login;
  const refusal = overTokenLimit(world, client.clientId, organization.index);
  if (refusal) return refusal;
  return tokenReply(world.tokens.issue({ organization, role, scopes: pending.scopes, clientId: client.clientId }));
}

function deadRefreshToken(exchange: Exchange, world: World): Reply {
  const form = world.knobs.deadRefreshTokenForm;
  if (form === "webex") return webexError(exchange, 400, "The refresh token provided is expired, revoked or malformed.");
  return oauthError(400, form, "The refresh token provided is expired, revoked, malformed, or invalid.");
}
