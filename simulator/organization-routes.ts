import { forbidden, type Access } from "./api-access.js";
import { jsonReply, notFound, webexError, type Exchange, type Reply } from "./exchange.js";
import type { SimulatedOrganization } from "./people-factory.js";
import type { SimulatorContext } from "./world.js";

/** GET /v1/organizations and /v1/organizations/{id}; a partner's administrator sees several. */
export function organizationRoute(
  exchange: Exchange,
  context: SimulatorContext,
  access: Extract<Access, { grant: unknown }>,
): Reply {
  if (exchange.method !== "GET") return webexError(exchange, 405, "Method Not Allowed");
  if (!access.scopes.has("spark-admin:organizations_read") || access.grant.role === "user")
    return forbidden(exchange);
  const visibleOrganizations =
    access.grant.role === "partnerAdmin" ? context.organizations : [access.grant.organization];
  const id = /^\/v1\/organizations\/([^/]+)$/.exec(exchange.url.pathname)?.[1];
  if (id === undefined)
    return jsonReply(200, { items: visibleOrganizations.map(organizationJson) });
  const organization = visibleOrganizations.find(
    (candidate) => candidate.id === decodeURIComponent(id).replaceAll("=", ""),
  );
  return organization ? jsonReply(200, organizationJson(organization)) : notFound(exchange);
}

function organizationJson(organization: SimulatedOrganization): {
  id: string;
  displayName: string;
  created: string;
} {
  return { id: organization.id, displayName: organization.name, created: organization.created };
}
