import type { Fault } from "../faults/fault.js";
import { redact } from "../faults/redaction.js";
import type { Secret } from "../faults/secret.js";
import type { ReusableBuffer } from "../ports/http.js";
import type { ListedPerson, PersonSnapshot } from "../presence/polled-roster.js";
import { requestExisting } from "./api-address.js";
import { isMember } from "./ids.js";
import { findItemRanges, type ItemLimits } from "./item-ranges.js";
import {
  isObject,
  type JsonObject,
  malformedResponse,
  MAX_DEPTH,
  optionalString,
  parseJson,
  parseJsonObject,
  requiredItems,
  requiredString,
} from "./json-response.js";
import type { ReceivedResponse } from "./response-text.js";
import { nextLink, PAGE_LIMITS, type RestClient, SMALL_LIMITS } from "./rest.js";

/** The first page of the list of people, or a page that Webex linked to. */
export type PageReference =
  | { readonly kind: "first"; readonly max: number }
  | { readonly kind: "next"; readonly url: string };

export interface PeoplePage {
  /**
   * All entries of the page, including bots and guests: their number reveals the page size. They
   * can be read until another page is requested, which reuses their memory.
   */
  readonly items: readonly ListedPerson[];
  /** What `items` do not include. Final once they were read; absent if nothing is left out. */
  readonly leftOut?: Readonly<LeftOut>;
  /** Webex's link to the next page, which has the origin of `ApiUrl`; null on the last page. */
  readonly next: string | null;
}

/** How much was not read because it exceeds the limits of items and their members. */
export interface LeftOut {
  /** Entries of the list. */
  items: number;
  /** Addresses of persons, and texts that were cut. */
  values: number;
}

function noneLeftOut(): LeftOut {
  return { items: 0, values: 0 };
}

/**
 * The people of one organization, without persons of other organizations, whom a partner's
 * administrator can find by e-mail. Each call is one request, or two if a rejected token is
 * replaced.
 * Faults: `rateLimited` (429, 423; `retryAfterMs` if Webex sent it), `webexUnreachable`,
 * `webexError` (5xx, a response that cannot be read, or one in no form of Webex, of whatever
 * status), `unauthorized` (401 with a fresh token, too), `forbidden` (403), `refused` (400 and
 * other 4xx), `notFound` (404), `cancelled`, and those of the token source.
 */
export interface PeopleApi {
  listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage>;
  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]>;
  /** Returns null if the person is not one of the organization's persons any more. */
  findById(id: string, signal: AbortSignal): Promise<PersonSnapshot | null>;
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

export function createPeopleApi(rest: RestClient, orgId: string): PeopleApi {
  // Not in use by a request: pages that are read at the same time need one each.
  const buffers: ReusableBuffer[] = [];
  return {
    listPage(page, signal) {
      const read = async (target: string): Promise<PeoplePage> => {
        const buffer = buffers.pop() ?? { bytes: new Uint8Array(0) };
        const limits = { ...PAGE_LIMITS, buffer };
        const { response, url } = await rest
          .get(target, limits, signal)
          .finally(() => buffers.push(buffer));
        const leftOut = noneLeftOut();
        const items = parseListedPersons(response, orgId, leftOut);
        return { items, leftOut, next: nextLink(response.headers.link, url, response.secrets) };
      };
      return page.kind === "first"
        ? requestExisting(rest.apiUrl, read(`people?max=${page.max}`))
        : read(page.url);
    },
    async findByEmail(email, signal) {
      const { body } = await rest.getObject(`people?email=${encodeURIComponent(email)}`, signal);
      const items = requiredItems(body).slice(0, MAX_LOOKUP_ITEMS);
      if (items.length > 0 && !items.some(hasId)) throw noPersons();
      return items.flatMap((item) => decodePerson(item, orgId) ?? []);
    },
    async findById(id, signal) {
      const { body } = await rest.getObject(`people/${encodeURIComponent(id)}`, signal);
      // Without an id, the answer is not a person, and proves nothing.
      requiredString(body, "id");
      return decodePerson(body, orgId);
    },
    me: (signal) =>
      requestExisting(
        rest.apiUrl,
        rest.getObject("people/me", signal).then(({ body, secrets }) => decodeMe(body, secrets)),
      ),
  };
}

/** One address belongs to one person, or to a few in several organizations. */
const MAX_LOOKUP_ITEMS = 100;
const EMPTY: readonly string[] = [];

/**
 * Decodes `/people/me`. Name and address are masked where they contain a part of a secret. Throws a
 * `Fault` `webexError` without `id` or `orgId`.
 */
export function decodeMe(body: JsonObject, secrets: readonly Secret[]): Me {
  const name = optionalString(body, "displayName")?.slice(0, MAX_VALUE_LENGTH);
  const email = strings(body.emails).find(hasValidLength);
  const roles: unknown[] = Array.isArray(body.roles) ? body.roles : [];
  return {
    personId: requiredString(body, "id"),
    orgId: requiredString(body, "orgId"),
    displayName: name === undefined ? null : redact(name, secrets),
    email: email === undefined ? null : redact(email, secrets),
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
 * Decodes a person. Returns null for a bot, a guest, a person who is not a member of the
 * organization and anything without an id. An `orgId` of another type than a string is another
 * organization's. Other members that are missing or have another type count as absent; what exceeds
 * the limits is left out, and counted in `leftOut`. Uses plain loops because a sweep decodes
 * thousands of persons.
 */
export function decodePerson(
  item: unknown,
  orgId: string,
  leftOut = noneLeftOut(),
): PersonSnapshot | null {
  if (!isObject(item)) return null;
  const personOrgId = item.orgId ?? null;
  if (personOrgId !== null && typeof personOrgId !== "string") return null;
  if (!isMember(personOrgId, orgId)) return null;
  const { id, type, displayName, userName, emails, sipAddresses, status, lastActivity } = item;
  if (typeof id !== "string" || id === "") return null;
  if (typeof type === "string" && type !== "person") return null;
  if (!hasValidLength(id)) {
    leftOut.items += 1;
    return null;
  }
  return {
    id,
    displayName: limitText(displayName, leftOut),
    userName: limitList(typeof userName === "string" ? [userName] : EMPTY, leftOut)[0] ?? null,
    emails: limitList(strings(emails), leftOut),
    sipAddresses: limitList(sipAddressesOf(sipAddresses), leftOut),
    status: limitText(status, leftOut),
    lastActivity: limitText(lastActivity, leftOut),
  };
}

/** Of one person; Webex's persons have a handful. */
const MAX_ADDRESSES = 100;
/** Far more than an address can have (320 characters, RFC 3696). */
export const MAX_VALUE_LENGTH = 1_024;

function limitText(value: unknown, leftOut: LeftOut): string | null {
  if (typeof value !== "string") return null;
  if (hasValidLength(value)) return value;
  leftOut.values += 1;
  return value.slice(0, MAX_VALUE_LENGTH);
}

/** An address is kept whole or not at all. */
function limitList(values: readonly string[], leftOut: LeftOut): readonly string[] {
  if (values.length <= MAX_ADDRESSES && values.every(hasValidLength)) return values;
  const kept = values.filter(hasValidLength).slice(0, MAX_ADDRESSES);
  leftOut.values += values.length - kept.length;
  return kept;
}

function hasValidLength(value: string): boolean {
  return value.length <= MAX_VALUE_LENGTH;
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
 * Returns the items of `{items: [...]}` in order, up to the limits; counts the others in `leftOut`.
 * A sweep receives megabytes in which little has changed, so an item is decoded only when it is
 * read. Throws a `Fault` `webexError` if the response is not such an object.
 */
export function parseListedPersons(
  response: ReceivedResponse,
  orgId: string,
  leftOut = noneLeftOut(),
): readonly ListedPerson[] {
  const { body } = response;
  const found = findItemRanges(body, ITEM_LIMITS);
  if (found === null) return parseUnusualPage(response, orgId, leftOut);
  leftOut.items += found.leftOut;
  const parse = ({ start, end }: { start: number; end: number }): unknown =>
    parseJson(body.subarray(start, end));
  // Usually the first one has an id, and no other is parsed here.
  if (found.ranges.length > 0 && !found.ranges.some((range) => hasId(parse(range))))
    throw noPersons(response);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return found.ranges.map(({ start, end }) => ({
    fingerprint: hashRange(view, start, end),
    read: () => decodePerson(parseJson(body.subarray(start, end)), orgId, leftOut),
  }));
}

/** A page is requested with `max=1000`, and Webex does not send more. */
const ITEM_LIMITS: ItemLimits = {
  maxItems: 10_000,
  maxItemBytes: 1024 * 1024,
  maxRestBytes: 1024 * 1024,
  maxDepth: MAX_DEPTH,
};

/** A bot has an id, too. Items of which none has one say nothing of who exists. */
function hasId(item: unknown): boolean {
  return isObject(item) && typeof item.id === "string" && item.id !== "";
}

function noPersons(response?: ReceivedResponse): Fault {
  return malformedResponse("is a list of something other than people", response);
}

/** Parses the whole body, which also reports what is wrong with it. */
function parseUnusualPage(
  response: ReceivedResponse,
  orgId: string,
  leftOut: LeftOut,
): readonly ListedPerson[] {
  if (response.body.length > SMALL_LIMITS.maxBytes) {
    throw malformedResponse("is not a list of people, or exceeds the limits for one", response);
  }
  const items = requiredItems(parseJsonObject(response));
  if (items.length > 0 && !items.some(hasId)) throw noPersons(response);
  const kept = items.slice(0, ITEM_LIMITS.maxItems);
  leftOut.items += items.length - kept.length;
  return kept.map((item) => ({
    fingerprint: Number.NaN,
    read: () => decodePerson(item, orgId, leftOut),
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
