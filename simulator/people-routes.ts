import { forbidden, type Access } from "./api-access.js";
import { jsonReply, notFound, webexError, type Exchange, type Reply } from "./exchange.js";
import { linkHeader, readPageRequest } from "./paging.js";
import type { SimulatedOrganization, SimulatedPerson } from "./people-factory.js";
import { personJson, type PersonView } from "./person-json.js";
import type { World } from "./world.js";

const PEOPLE_SCOPES: readonly string[] = ["spark-admin:people_read", "spark:people_read"];
const MOST_IDS = 85;
const DEFAULT_OVERSIZE_BYTES = 80 * 1024 * 1024;

type Admitted = Extract<Access, { grant: unknown }>;

/** GET /v1/people, /v1/people/me and /v1/people/{id}. */
export function peopleRoute(exchange: Exchange, world: World, access: Admitted): Reply {
  if (exchange.method !== "GET") return webexError(exchange, 405, "Method Not Allowed");
  if (!PEOPLE_SCOPES.some((scope) => access.scopes.has(scope))) return forbidden(exchange);
  const organization = organizationAsked(exchange, world, access);
  if (!organization) return forbidden(exchange);
  const id = /^\/v1\/people\/([^/]+)$/.exec(exchange.url.pathname)?.[1];
  if (id !== undefined) return onePerson(exchange, world, access, organization, decodeURIComponent(id));
  return list(exchange, world, access, organization);
}

function onePerson(exchange: Exchange, world: World, access: Admitted, organization: SimulatedOrganization, id: string): Reply {
  const me = access.grant.role === "user" ? access.grant.organization.ordinary : access.grant.organization.administrator;
  const person = id === "me" ? me : organization.byId.get(id.replaceAll("=", ""));
  if (!person) return notFound(exchange);
  const body = bodies(world, organization, [person], view(exchange, world, true));
  return { ...jsonReply(200, null), body };
}

function list(exchange: Exchange, world: World, access: Admitted, organization: SimulatedOrganization): Reply {
  const query = exchange.url.searchParams;
  const email = query.get("email");
  const ids = query.get("id");
  const displayName = query.get("displayName");
  if (ids !== null) {
    const asked = ids.split(",").filter((id) => id !== "");
    if (asked.length > MOST_IDS) return webexError(exchange, 400, `No more than ${MOST_IDS} ids can be specified.`);
    const found = asked.flatMap((id) => organization.byId.get(id.replaceAll("=", "")) ?? []);
    const missing = asked.filter((id) => !organization.byId.has(id.replaceAll("=", "")));
    return items(world, organization, found, view(exchange, world, false), missing.length > 0 ? missing : null);
  }
  if (email !== null) {
    const person = organization.byEmail.get(email.toLowerCase());
    return items(world, organization, person ? [person] : [], view(exchange, world, true), null);
  }
  const maySeeAll = access.grant.role !== "user" && !world.knobs.roleLost;
  if (displayName === null && !maySeeAll) {
    return webexError(exchange, 400, "Email, displayName, or id list should be specified.", { errors: false });
  }
  if (displayName === null && !access.scopes.has("spark-admin:people_read")) return forbidden(exchange);
  return page(exchange, world, organization, displayName);
}

function page(exchange: Exchange, world: World, organization: SimulatedOrganization, displayName: string | null): Reply {
  const request = readPageRequest(exchange.url.searchParams, world.knobs);
  if (!request) return webexError(exchange, 400, "One of the query parameters is not valid.");
  const prefix = displayName?.toLowerCase() ?? null;
  const listed = organization.people.filter(
    (person) =>
      (world.knobs.botsInList || person.type === "person") &&
      (prefix === null || person.displayName.toLowerCase().startsWith(prefix)),
  );
  const empty = exchange.fault?.kind === "emptyPage";
  const served = empty ? [] : listed.slice(request.offset, request.offset + request.max);
  const end = request.offset + served.length;
  const hasNext = empty || end < listed.length || exchange.fault?.kind === "linkLoop" || exchange.fault?.kind === "foreignLink";
  const { knobs, foreignUrl } = world;
  const next = { offset: end, max: request.max };
  const link = hasNext ? { link: linkHeader(exchange, next, { knobs, foreignUrl, fault: exchange.fault }) } : {};
  const reply = items(world, organization, served, view(exchange, world, true), null);
  if (end < listed.length) movePersons(organization, listed.slice(end, end + knobs.movePersons));
  return {
    ...reply,
    headers: { ...reply.headers, ...link },
    ...(exchange.fault?.kind === "oversizePage" ? { padding: exchange.fault.bytes ?? DEFAULT_OVERSIZE_BYTES } : {}),
  };
}

/** Puts persons of the next page to the front: they are missed this time, and the last ones of this page come twice. */
function movePersons(organization: SimulatedOrganization, moving: readonly SimulatedPerson[]): void {
  for (const person of moving) {
    organization.people.splice(organization.people.indexOf(person), 1);
    organization.people.unshift(person);
  }
}

function items(
  world: World,
  organization: SimulatedOrganization,
  people: readonly SimulatedPerson[],
  personView: PersonView,
  notFoundIds: readonly string[] | null,
): Reply {
  const body = `{"notFoundIds":${JSON.stringify(notFoundIds)},"items":[${bodies(world, organization, people, personView)}]}`;
  return { ...jsonReply(200, null), body, persons: people.length };
}

function bodies(
  world: World,
  organization: SimulatedOrganization,
  people: readonly SimulatedPerson[],
  personView: PersonView,
): string {
  world.presence.refresh(organization, people);
  return people.map((person) => personJson(person, organization, personView)).join(",");
}

function view(exchange: Exchange, world: World, withStatus: boolean): PersonView {
  const { sharingOff, roleLost, strangeStatus, booleansAsStrings } = world.knobs;
  const excluded = exchange.url.searchParams.get("excludeStatus") === "true";
  return { withStatus: withStatus && !excluded, sharingOff, roleLost, strangeStatus, booleansAsStrings };
}

function organizationAsked(exchange: Exchange, world: World, access: Admitted): SimulatedOrganization | null {
  const orgId = exchange.url.searchParams.get("orgId");
  const own = access.grant.organization;
  if (orgId === null || orgId === own.id) return own;
  if (access.grant.role !== "partnerAdmin") return null;
  return world.organizations.find((organization) => organization.id === orgId) ?? null;
}
