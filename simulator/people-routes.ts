import { jsonReply, notFound, webexError, type Exchange, type Reply } from "./exchange.js";
import {
  personJson,
  type PersonJsonOptions,
  type SimulatedOrganization,
  type SimulatedPerson,
} from "./people-factory.js";
import { retryAfterHeader } from "./rate-limit.js";
import type { SimulatedGrant } from "./token-store.js";

const ADMIN_SCOPE = "spark-admin:people_read";
const PEOPLE_SCOPES: readonly string[] = [ADMIN_SCOPE, "spark:people_read", "spark:all"];
const MAX_IDS = 85;
const DEFAULT_PAGE_SIZE = 100;
const MAX_WITH_CALLING_DATA = 100;
const MAX_WITH_LOCATION = 50;
const DEFAULT_OVERSIZE_BYTES = 80 * 1024 * 1024;

interface Access {
  readonly grant: SimulatedGrant;
  readonly scopes: ReadonlySet<string>;
}

/** Answers everything under /v1/people and /v1/organizations. */
export function handlePeopleRequest(exchange: Exchange): Reply {
  const access = authorize(exchange);
  if ("status" in access) return access;
  if (exchange.method !== "GET") return webexError(exchange, 405, "Method Not Allowed");
  return exchange.url.pathname.startsWith("/v1/people")
    ? peopleReply(exchange, access)
    : organizationsReply(exchange, access);
}

/** The access that the bearer token grants, or a 401, 429 or 423. */
function authorize(exchange: Exchange): Access | Reply {
  const { knobs, tokens, limiter, now } = exchange.context;
  const grant = exchange.bearer === null ? null : tokens.findGrant(exchange.bearer);
  if (!grant) {
    const message =
      "The request requires a valid access token set in the Authorization request header.";
    return webexError(exchange, 401, message, { headers: { "www-authenticate": "Bearer" } });
  }
  const waitMs = limiter.acquire(grant.organization.id, now(), knobs.requestsPerMinute);
  if (waitMs > 0) {
    const retryAfter = retryAfterHeader(knobs.retryAfterForm, waitMs, now());
    const headers = retryAfter === null ? {} : { "retry-after": retryAfter };
    const message =
      "The request has been received, but too many requests have been made. Please retry later.";
    return webexError(exchange, knobs.rateLimitStatus, message, { headers });
  }
  const scopes = new Set(grant.scopes);
  if (knobs.scopeMissing) scopes.delete(ADMIN_SCOPE);
  return { grant, scopes };
}

function forbidden(exchange: Exchange): Reply {
  const message =
    "The server understood the request, but refused to fulfill it because the access token is missing required scopes or the user is missing required roles or licenses.";
  return webexError(exchange, 403, message);
}

/** GET /v1/organizations and /v1/organizations/{id}; a partner's administrator sees all of them. */
function organizationsReply(exchange: Exchange, { grant, scopes }: Access): Reply {
  if (!scopes.has("spark-admin:organizations_read") || grant.role === "user") {
    return forbidden(exchange);
  }
  const { organizations } = exchange.context.population;
  const visible = grant.role === "partnerAdmin" ? organizations : [grant.organization];
  const id = /^\/v1\/organizations\/([^/]+)$/.exec(exchange.url.pathname)?.[1];
  if (id === undefined) return jsonReply(200, { items: visible.map(organizationJson) });
  const unpaddedId = decodeURIComponent(id).replaceAll("=", "");
  const organization = visible.find((candidate) => candidate.id === unpaddedId);
  return organization ? jsonReply(200, organizationJson(organization)) : notFound(exchange);
}

function organizationJson({ id, name, created }: SimulatedOrganization): object {
  return { id, displayName: name, created };
}

/** GET /v1/people, /v1/people/me and /v1/people/{id}. */
function peopleReply(exchange: Exchange, access: Access): Reply {
  if (!PEOPLE_SCOPES.some((scope) => access.scopes.has(scope))) return forbidden(exchange);
  const organization = requestedOrganization(exchange, access.grant);
  if (!organization) return forbidden(exchange);
  const id = /^\/v1\/people\/([^/]+)$/.exec(exchange.url.pathname)?.[1];
  if (id === undefined) return listReply(exchange, access, organization);
  const { role, organization: own } = access.grant;
  if (id === "me") {
    const person = role === "user" ? own.regularUser : own.administrator;
    return personReply(exchange, own, person, true);
  }
  const visible = role === "partnerAdmin" ? exchange.context.population.organizations : [own];
  for (const each of visible) {
    const person = findById(each, decodeURIComponent(id));
    if (person) return personReply(exchange, each, person, isAdministrator(exchange, access));
  }
  return notFound(exchange);
}

function personReply(
  exchange: Exchange,
  organization: SimulatedOrganization,
  person: SimulatedPerson,
  withAdminMembers: boolean,
): Reply {
  const view = { withStatus: true, withAdminMembers };
  return { ...jsonReply(200, null), body: peopleJson(exchange, organization, [person], view) };
}

function isAdministrator({ context }: Exchange, { grant, scopes }: Access): boolean {
  return grant.role !== "user" && !context.knobs.roleLost && scopes.has(ADMIN_SCOPE);
}

function requestedOrganization(
  exchange: Exchange,
  grant: SimulatedGrant,
): SimulatedOrganization | null {
  const orgId = exchange.url.searchParams.get("orgId");
  if (orgId === null || orgId === grant.organization.id) return grant.organization;
  if (grant.role !== "partnerAdmin") return null;
  const { organizations } = exchange.context.population;
  return organizations.find((organization) => organization.id === orgId) ?? null;
}

function listReply(exchange: Exchange, access: Access, organization: SimulatedOrganization): Reply {
  const query = exchange.url.searchParams;
  const ids = query.get("id");
  if (ids !== null) {
    const requested = ids.split(",").filter((id) => id !== "");
    if (requested.length > MAX_IDS) {
      return webexError(exchange, 400, `No more than ${MAX_IDS} ids can be specified.`);
    }
    const people = requested.flatMap((id) => findById(organization, id) ?? []);
    const missing = requested.filter((id) => !findById(organization, id));
    const view = { withStatus: false, withAdminMembers: false };
    return itemsReply(peopleJson(exchange, organization, people, view), people.length, missing);
  }
  const canListAll = isAdministrator(exchange, access);
  const view = { withStatus: true, withAdminMembers: canListAll };
  const email = query.get("email");
  if (email !== null) {
    const found = findByEmail(exchange, access, organization, email.toLowerCase());
    if (found === null) return itemsReply("", 0);
    // Nobody shares their status with another organization.
    const withStatus = found.organization === organization;
    const json = peopleJson(exchange, found.organization, [found.person], { ...view, withStatus });
    return itemsReply(json, 1);
  }
  if (!query.has("displayName") && !canListAll) {
    const message = "Email, displayName, or id list should be specified.";
    return webexError(exchange, 400, message, { description: null });
  }
  return pageReply(exchange, organization, view);
}

/** Whether `displayName`, `roles` and `locationId`, those that are given, select a person. */
function listFilter(query: URLSearchParams): (person: SimulatedPerson) => boolean {
  const prefix = query.get("displayName")?.toLowerCase();
  const roles = query.get("roles")?.split(",");
  const locationId = query.get("locationId");
  return (person) =>
    (prefix === undefined || person.displayName.toLowerCase().startsWith(prefix)) &&
    (roles === undefined || person.roles.some((role) => roles.includes(role))) &&
    (locationId === null || person.locationId === locationId);
}

function pageReply(
  exchange: Exchange,
  organization: SimulatedOrganization,
  view: PersonView,
): Reply {
  const { knobs } = exchange.context;
  const request = parsePageRequest(exchange);
  if (!request) return webexError(exchange, 400, "One of the query parameters is not valid.");
  const isSelected = listFilter(exchange.url.searchParams);
  const candidates = organization.people.filter(
    (person) => (knobs.botsInList || person.type === "person") && isSelected(person),
  );
  const fault = exchange.fault?.kind;
  const isEmpty = fault === "emptyPage";
  const people = isEmpty ? [] : candidates.slice(request.offset, request.offset + request.max);
  const end = request.offset + people.length;
  const hasMore = end < candidates.length;
  const hasNext = isEmpty || hasMore || fault === "linkLoop" || fault === "foreignLink";
  const link = hasNext ? { link: linkHeader(exchange, { offset: end, max: request.max }) } : {};
  const reply = itemsReply(peopleJson(exchange, organization, people, view), people.length);
  if (hasMore) movePersons(organization, candidates.slice(end, end + knobs.movePersons));
  return {
    ...reply,
    headers: { ...reply.headers, ...link },
    ...(fault === "oversizePage"
      ? { padding: exchange.fault?.bytes ?? DEFAULT_OVERSIZE_BYTES }
      : {}),
  };
}

/**
 * Moves persons of the next page to the front of the list: this sweep misses them, and returns the
 * last persons of the current page twice.
 */
function movePersons(
  organization: SimulatedOrganization,
  moving: readonly SimulatedPerson[],
): void {
  for (const person of moving) {
    organization.people.splice(organization.people.indexOf(person), 1);
    organization.people.unshift(person);
  }
}

/** A partner's administrator finds persons of all organizations, unless `orgId` names one. */
function findByEmail(
  exchange: Exchange,
  access: Access,
  organization: SimulatedOrganization,
  email: string,
): { organization: SimulatedOrganization; person: SimulatedPerson } | null {
  const isPartner = access.grant.role === "partnerAdmin" && !exchange.url.searchParams.has("orgId");
  const { organizations } = exchange.context.population;
  for (const searched of [organization, ...(isPartner ? organizations : [])]) {
    const person = searched.byEmail.get(email);
    if (person) return { organization: searched, person };
  }
  return null;
}

function findById(organization: SimulatedOrganization, id: string): SimulatedPerson | undefined {
  return organization.byId.get(id.replaceAll("=", ""));
}

function itemsReply(
  itemsJson: string,
  persons: number,
  notFoundIds: readonly string[] | null = null,
): Reply {
  const body = `{"notFoundIds":${JSON.stringify(notFoundIds)},"items":[${itemsJson}]}`;
  return { ...jsonReply(200, null), body, persons };
}

type PersonView = Pick<PersonJsonOptions, "withStatus" | "withAdminMembers">;

/** The persons as JSON objects separated by commas. */
function peopleJson(
  exchange: Exchange,
  organization: SimulatedOrganization,
  people: readonly SimulatedPerson[],
  view: PersonView,
): string {
  const { knobs, population } = exchange.context;
  population.refresh(organization, people);
  const query = exchange.url.searchParams;
  const options: PersonJsonOptions = {
    ...knobs,
    ...view,
    withStatus: view.withStatus && query.get("excludeStatus") !== "true",
    callingData: query.get("callingData") === "true",
  };
  return people.map((person) => personJson(person, organization, options)).join(",");
}

interface PageRequest {
  readonly offset: number;
  readonly max: number;
}

/** Reads `max`, clipped to the service's limits, and `cursor`; null if one of them is not valid. */
function parsePageRequest(exchange: Exchange): PageRequest | null {
  const query = exchange.url.searchParams;
  const cursor = query.get("cursor");
  const decoded = cursor === null ? null : decodeCursor(cursor);
  if (cursor !== null && (!decoded || isUsedUp(exchange, cursor))) return null;
  const requestedMax = query.get("max");
  const max = requestedMax === null ? (decoded?.max ?? DEFAULT_PAGE_SIZE) : Number(requestedMax);
  if (!Number.isInteger(max) || max < 1) return null;
  const limit = Math.min(
    exchange.context.knobs.maxPageSize,
    query.get("callingData") === "true" ? MAX_WITH_CALLING_DATA : Infinity,
    query.has("locationId") ? MAX_WITH_LOCATION : Infinity,
  );
  return { offset: decoded?.offset ?? 0, max: Math.min(max, limit) };
}

/** Counts a use of a cursor, and returns whether it was one too many. */
function isUsedUp({ context }: Exchange, cursor: string): boolean {
  const { linkUses } = context.knobs;
  if (linkUses === 0) return false;
  const uses = (context.cursorUses.get(cursor) ?? 0) + 1;
  context.cursorUses.set(cursor, uses);
  return uses > linkUses;
}

/** The `Link` header to the page at `next.offset` (RFC 8288), as the knobs and a fault specify. */
function linkHeader(exchange: Exchange, next: PageRequest): string {
  const { fault, url } = exchange;
  const { knobs, foreignOrigin } = exchange.context;
  const nextUrl = new URL(url.href);
  nextUrl.searchParams.set("max", String(next.max));
  const isLoop = fault?.kind === "linkLoop";
  nextUrl.searchParams.set("cursor", encodeCursor(isLoop ? { ...next, offset: 0 } : next, isLoop));
  const address =
    fault?.kind === "foreignLink"
      ? nextUrl.href.replace(url.origin, fault.to ?? foreignOrigin.url)
      : nextUrl.href;
  switch (knobs.linkForm) {
    case "quoted":
      return `<${address}>; rel="next"`;
    case "unquoted":
      return `<${address}>;rel=next`;
    case "several":
      return `<${url.origin}/v1/people?max=${next.max}>; rel="first", <${address}>; title="a, b; c"; rel="next"`;
  }
}

let nextNonce = 1;

/** The nonce makes every cursor a different text, as Webex's are. */
function encodeCursor({ offset, max }: PageRequest, isConstant: boolean): string {
  const nonce = isConstant ? 0 : nextNonce++;
  return Buffer.from(JSON.stringify([offset, max, nonce])).toString("base64url");
}

function decodeCursor(text: string): PageRequest | null {
  try {
    const cursor = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as unknown;
    if (!Array.isArray(cursor)) return null;
    const [offset, max] = cursor as unknown[];
    return typeof offset === "number" && typeof max === "number" ? { offset, max } : null;
  } catch {
    return null;
  }
}
