import type { HttpResponse } from "../ports/http.js";
import type { ListedPerson, PersonSnapshot } from "../presence/polled-roster.js";
import { requestExisting } from "./api-address.js";
import { findItemRanges } from "./item-ranges.js";
import {
  isObject,
  type JsonObject,
  optionalString,
  parseJson,
  parseJsonObject,
  requiredItems,
  requiredString,
} from "./json-response.js";
import { nextLink, PAGE_LIMITS, type RestClient } from "./rest.js";

/** The first page of the list of people, or a page that Webex linked to. */
export type PageReference =
  | { readonly kind: "first"; readonly max: number }
  | { readonly kind: "next"; readonly url: string };

export interface PeoplePage {
  /**
   * All entries of the page, including bots and guests: their number reveals the page size. They
   * can be read until the next page is requested, which reuses their memory.
   */
  readonly items: readonly ListedPerson[];
  /** Webex's link to the next page, which has the origin of `ApiUrl`; null on the last page. */
  readonly next: string | null;
}

/**
 * The people of one organization. Each call is one request, or two if a rejected token is replaced.
 * Faults: `rateLimited` (429, 423; `retryAfterMs` if Webex sent it), `webexUnreachable`,
 * `webexError` (5xx, or a response that cannot be read), `unauthorized` (401 with a fresh token,
 * too), `forbidden` (403), `refused` (400 and other 4xx), `notFound` (404), `cancelled`, and those
 * of the token source.
 */
export interface PeopleApi {
  listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage>;
  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]>;
  me(signal: AbortSignal): Promise<Me>;
}

/** The person to whom a token belongs. */
export interface Me {
  readonly personId: string;
  readonly orgId: string;
  readonly displayName: string | null;
  readonly email: string | null;
  /**
   * Whether Webex sent a `status`. If not, status sharing is off for the administrator, and so for
   * everybody in the organization.
   */
  readonly sharesStatus: boolean;
  readonly isFullAdmin: boolean;
}

export function createPeopleApi(rest: RestClient): PeopleApi {
  const limits = { ...PAGE_LIMITS, buffer: { bytes: new Uint8Array(0) } };
  return {
    listPage(page, signal) {
      const read = async (target: string): Promise<PeoplePage> => {
        const { response, url } = await rest.get(target, limits, signal);
        return { items: parseListedPersons(response), next: nextLink(response.headers.link, url) };
      };
      return page.kind === "first"
        ? requestExisting(rest.apiUrl, read(`people?max=${page.max}`))
        : read(page.url);
    },
    async findByEmail(email, signal) {
      const body = await rest.getObject(`people?email=${encodeURIComponent(email)}`, signal);
      return requiredItems(body).flatMap((item) => decodePerson(item) ?? []);
    },
    me: (signal) =>
      requestExisting(rest.apiUrl, rest.getObject("people/me", signal).then(decodeMe)),
  };
}

const EMPTY: readonly string[] = [];

/** Decodes `/people/me`. Throws a `Fault` `webexError` without `id` or `orgId`. */
export function decodeMe(body: JsonObject): Me {
  const roles: unknown[] = Array.isArray(body.roles) ? body.roles : [];
  return {
    personId: requiredString(body, "id"),
    orgId: requiredString(body, "orgId"),
    displayName: optionalString(body, "displayName"),
    email: strings(body.emails)[0] ?? null,
    sharesStatus: typeof body.status === "string",
    isFullAdmin: roles.some((role) => typeof role === "string" && isFullAdminRole(role)),
  };
}

/** The id of a role is the base64 of, for example, `ciscospark://us/ROLE/id_full_admin`. */
function isFullAdminRole(id: string): boolean {
  try {
    return /(^|\/)id_full_admin$/.test(atob(id.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return false;
  }
}

/**
 * Decodes a person. Returns null for a bot, a guest and anything without an id. Members that are
 * missing or have another type count as absent. Uses plain loops because a sweep decodes thousands
 * of persons.
 */
export function decodePerson(item: unknown): PersonSnapshot | null {
  if (!isObject(item)) return null;
  const { id, type, displayName, userName, emails, sipAddresses, status, lastActivity } = item;
  if (typeof id !== "string" || id === "") return null;
  if (typeof type === "string" && type !== "person") return null;
  return {
    id,
    displayName: typeof displayName === "string" ? displayName : null,
    userName: typeof userName === "string" ? userName : null,
    emails: strings(emails),
    sipAddresses: sipAddressesOf(sipAddresses),
    status: typeof status === "string" ? status : null,
    lastActivity: typeof lastActivity === "string" ? lastActivity : null,
  };
}

function strings(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return EMPTY;
  for (const element of value as unknown[]) {
    if (typeof element !== "string") {
      return value.filter((each): each is string => typeof each === "string");
    }
  }
  return value as string[];
}

function sipAddressesOf(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return EMPTY;
  const addresses: string[] = [];
  for (const entry of value as unknown[]) {
    const address = isObject(entry) ? entry.value : undefined;
    if (typeof address === "string") addresses.push(address);
  }
  return addresses;
}

/**
 * Returns the items of `{items: [...]}` in order. A sweep receives megabytes in which little has
 * changed, so an item is decoded only when it is read. Throws a `Fault` `webexError` if the
 * response is not such an object.
 */
export function parseListedPersons(response: HttpResponse): readonly ListedPerson[] {
  const { body } = response;
  const ranges = findItemRanges(body);
  if (ranges === null) {
    // Parsing the whole body reports what is wrong with it.
    return requiredItems(parseJsonObject(response)).map((item) => ({
      fingerprint: Number.NaN,
      read: () => decodePerson(item),
    }));
  }
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return ranges.map(({ start, end }) => ({
    fingerprint: hashRange(view, start, end),
    read: () => decodePerson(parseJson(body.subarray(start, end))),
  }));
}

/**
 * Returns 52 bits: 20 and 32 bits of two independent hashes, each of which mixes four bytes at a
 * time as MurmurHash3 does.
 */
function hashRange(view: DataView, start: number, end: number): number {
  let low = 0x011c9dc5;
  let high = 0x2545f491;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    low = mix(low, Math.imul(word, 0xcc9e2d51));
    high = mix(high, Math.imul(word, 0x9e3779b1));
  }
  for (; at < end; at += 1) {
    low = mix(low, Math.imul(view.getUint8(at), 0xcc9e2d51));
    high = mix(high, Math.imul(view.getUint8(at), 0x9e3779b1));
  }
  return (finalize(high) >>> 12) * 2 ** 32 + (finalize(low) >>> 0);
}

function mix(hash: number, key: number): number {
  const mixed = hash ^ ((key << 15) | (key >>> 17));
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finalize(hash: number): number {
  const h1 = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const h2 = Math.imul(h1 ^ (h1 >>> 13), 0xc2b2ae35);
  return h2 ^ (h2 >>> 16);
}
