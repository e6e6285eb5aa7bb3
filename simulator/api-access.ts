import { webexError, type Exchange, type Reply } from "./exchange.js";
import { retryAfterHeader } from "./rate-limit.js";
import type { SimulatedGrant } from "./token-store.js";
import type { SimulatorContext } from "./world.js";

export type Access =
  | { readonly grant: SimulatedGrant; readonly scopes: ReadonlySet<string> }
  | { readonly refusal: Reply };

/** Who asks, and whether they may now: 401 for a bad token, 429 (or 423) over the limit. */
export function authorizeApiRequest(exchange: Exchange, context: SimulatorContext): Access {
  const { knobs } = context;
  const grant = exchange.bearer === null ? null : context.tokens.findGrant(exchange.bearer);
  if (!grant) {
    const message =
      "The request requires a valid access token set in the Authorization request header.";
    return {
      refusal: webexError(exchange, 401, message, { headers: { "www-authenticate": "Bearer" } }),
    };
  }
  const waitMs = context.limiter.acquire(
    grant.organization.id,
    context.now(),
    knobs.requestsPerMinute,
  );
  if (waitMs > 0) {
    const retryAfter = retryAfterHeader(knobs.retryAfterForm, waitMs, context.now());
    const message =
      "The request has been received, but too many requests have been made. Please retry later.";
    const headers = retryAfter === null ? {} : { "retry-after": retryAfter };
    return { refusal: webexError(exchange, knobs.rateLimitStatus, message, { headers }) };
  }
  return {
    grant,
    scopes: new Set(
      grant.scopes.filter((scope) => !(knobs.scopeMissing && scope === "spark-admin:people_read")),
    ),
  };
}

export function forbidden(exchange: Exchange): Reply {
  const message =
    "The server understood the request, but refused to fulfill it because the access token is missing required scopes or the user is missing required roles or licenses.";
  return webexError(exchange, 403, message);
}
