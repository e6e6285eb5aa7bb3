import { forbidden, type Access } from "./api-access.js";
import { jsonReply, notFound, webexError, type Exchange, type Reply } from "./exchange.js";
import { linkHeader, parsePageRequest } from "./paging.js";
import type { SimulatedOrganization, SimulatedPerson } from "./people-factory.js";
import { personJson, type PersonJsonOptions } from "./person-json.js";
import type { SimulatorContext } from "./world.js";

const PEOPLE_SCOPES: readonly string[] = ["spark-admin:people_read", "spark:people_read"];
const MAX_IDS = 85;
const DEFAULT_OVERSIZE_BYTES = 80 * 1024 * 1024;

type GrantedAccess = Extract<Access, { grant: unknown }>;

/** GET /v1/people, /v1/people/me and /v1/people/{id}. */
export function peopleRoute(
  exchange: Exchange,
  context: SimulatorContext,
  access: GrantedAccess,
): Reply {
  if (exchange.method !== "GET") return webexError(exchange, 405, "Method Not Allowed");
  if (!PEOPLE_SCOPES.some((scope) => access.scopes.has(scope))) return forbidden(exchange);
  const organization = requestedOrganization(exchange, context, access);
  if (!organization) return forbidden(exchange);
  const id = /^\/v1\/people\/([^/]+)$/.exec(exchange.url.pathname)?.[1];
  if (id !== undefined)
    return personReply(exchange, context, access, organization, decodeURIComponent(id));
  return listReply(exchange, context, access, organization);
}

function personReply(
  exchange: Exchange,
  context: SimulatorContext,
  access: GrantedAccess,
  organization: SimulatedOrganization,
  id: string,
): Reply {
  const me =
    access.grant.role === "user"
      ? access.grant.organization.regularUser
      : access.grant.organization.administrator;
  const person = id === "me" ? me : organization.byId.get(id.replaceAll("=", ""));
  if (!person) return notFound(exchange);
  const body = serializePeople(
    context,
    organization,
    [person],
    personView(exchange, context, true),
  );
  return { ...jsonReply(200, null), body };
}

function listReply(
  exchange: Exchange,
  context: SimulatorContext,
  access: GrantedAccess,
  organization: SimulatedOrganization,
): Reply {
  const query = exchange.url.searchParams;
  const email = query.get("email");
  const ids = query.get("id");
  const displayName = query.get("displayName");
  if (ids !== null) {
    const requestedIds = ids.split(",").filter((id) => id !== "");
    if (requestedIds.length > MAX_IDS)
      return webexError(exchange, 400, `No more than ${MAX_IDS} ids can be specified.`);
    const found = requestedIds.flatMap((id) => organization.byId.get(id.replaceAll("=", "")) ?? []);
    const missing = requestedIds.filter((id) => !organization.byId.has(id.replaceAll("=", "")));
    return itemsReply(
      context,
      organization,
      found,
      personView(exchange, context, false),
      missing.length > 0 ? missing : null,
    );
  }
  if (email !== null) {
    const person = organization.byEmail.get(email.toLowerCase());
    return itemsReply(
      context,
      organization,
      person ? [person] : [],
      personView(exchange, context, true),
      null,
    );
  }
  const canListAll = access.grant.role !== "user" && !context.knobs.roleLost;
  if (displayName === null && !canListAll) {
    return webexError(exchange, 400, "Email, displayName, or id list should be specified.", {
      errors: false,
    });
  }
  if (displayName === null && !access.scopes.has("spark-admin:people_read"))
    return forbidden(exchange);
  return pageReply(exchange, context, organization, displayName);
}

function pageReply(
  exchange: Exchange,
  context: SimulatorContext,
  organization: SimulatedOrganization,
  displayName: string | null,
): Reply {
  const request = parsePageRequest(exchange.url.searchParams, context.knobs);
  if (!request) return webexError(exchange, 400, "One of the query parameters is not valid.");
  const prefix = displayName?.toLowerCase() ?? null;
  const candidates = organization.people.filter(
    (person) =>
      (context.knobs.botsInList || person.type === "person") &&
      (prefix === null || person.displayName.toLowerCase().startsWith(prefix)),
  );
  const isEmpty = exchange.fault?.kind === "emptyPage";
  const pagePeople = isEmpty ? [] : candidates.slice(request.offset, request.offset + request.max);
  const end = request.offset + pagePeople.length;
  const hasNext =
    isEmpty ||
    end < candidates.length ||
    exchange.fault?.kind === "linkLoop" ||
    exchange.fault?.kind === "foreignLink";
  const { knobs, foreignUrl } = context;
  const next = { offset: end, max: request.max };
  const link = hasNext
    ? { link: linkHeader(exchange, next, { knobs, foreignUrl, fault: exchange.fault }) }
    : {};
  const reply = itemsReply(
    context,
    organization,
    pagePeople,
    personView(exchange, context, true),
    null,
  );
  if (end < candidates.length)
    movePersons(organization, candidates.slice(end, end + knobs.movePersons));
  return {
    ...reply,
    headers: { ...reply.headers, ...link },
    ...(exchange.fault?.kind === "oversizePage"
      ? { padding: exchange.fault.bytes ?? DEFAULT_OVERSIZE_BYTES }
      : {}),
  };
}

/** Puts persons of the next page to the front: they are missed this time, and the last ones of this page come twice. */
function movePersons(
  organization: SimulatedOrganization,
  moving: readonly SimulatedPerson[],
): void {
  for (const person of moving) {
    organization.people.splice(organization.people.indexOf(person), 1);
    organization.people.unshift(person);
  }
}

function itemsReply(
  context: SimulatorContext,
  organization: SimulatedOrganization,
  people: readonly SimulatedPerson[],
  options: PersonJsonOptions,
  notFoundIds: readonly string[] | null,
): Reply {
  const body = `{"notFoundIds":${JSON.stringify(notFoundIds)},"items":[${serializePeople(context, organization, people, options)}]}`;
  return { ...jsonReply(200, null), body, persons: people.length };
}

function serializePeople(
  context: SimulatorContext,
  organization: SimulatedOrganization,
  people: readonly SimulatedPerson[],
  options: PersonJsonOptions,
): string {
  context.presence.refresh(organization, people);
  return people.map((person) => personJson(person, organization, options)).join(",");
}

function personView(
  exchange: Exchange,
  context: SimulatorContext,
  withStatus: boolean,
): PersonJsonOptions {
  const { sharingOff, roleLost, strangeStatus, booleansAsStrings } = context.knobs;
  const isStatusExcluded = exchange.url.searchParams.get("excludeStatus") === "true";
  return {
    withStatus: withStatus && !isStatusExcluded,
    sharingOff,
    roleLost,
    strangeStatus,
    booleansAsStrings,
  };
}

function requestedOrganization(
  exchange: Exchange,
  context: SimulatorContext,
  access: GrantedAccess,
): SimulatedOrganization | null {
  const orgId = exchange.url.searchParams.get("orgId");
  const own = access.grant.organization;
  if (orgId === null || orgId === own.id) return own;
  if (access.grant.role !== "partnerAdmin") return null;
  return context.organizations.find((organization) => organization.id === orgId) ?? null;
}
