import type { FlowView } from "../authorization/flow.js";
import type { Authorization } from "../authorization/grant.js";

// Member by member: whatever else a grant or a flow may come to hold, the host is told this and no more.

export function authorizationResult(authorization: Authorization): Authorization {
  const {
    orgId,
    orgName,
    authorizedBy,
    scopes,
    grantedAt,
    accessTokenExpiresAt,
    refreshTokenExpiresAt,
    state,
  } = authorization;
  return {
    orgId,
    orgName,
    authorizedBy,
    scopes,
    grantedAt,
    accessTokenExpiresAt,
    refreshTokenExpiresAt,
    state,
  };
}

/** The result of `authorization/begin`: what a person needs for this method. */
export function beginResult(flow: FlowView): Record<string, unknown> {
  const {
    method,
    url,
    redirectUri,
    verificationUri,
    verificationUriComplete,
    userCode,
    expiresAt,
  } = flow;
  return method === "browser"
    ? { method, url, redirectUri, expiresAt }
    : { method, verificationUri, verificationUriComplete, userCode, expiresAt };
}

/** The parameters of `authorization/changed`. */
export function authorizationChangedParams(change: {
  readonly authorizations: readonly Authorization[];
  readonly flow: FlowView | null;
}): Record<string, unknown> {
  return {
    authorizations: change.authorizations.map(authorizationResult),
    flow: change.flow === null ? null : flowResult(change.flow),
  };
}

function flowResult(flow: FlowView): Record<string, unknown> {
  const { method, url, verificationUri, userCode, expiresAt, state, message } = flow;
  return { method, url, verificationUri, userCode, expiresAt, state, message };
}
