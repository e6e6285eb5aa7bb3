import type { PersonSnapshot } from "../presence/person.js";
import { malformedResponse } from "./rest-faults.js";
import { optionalString, requiredString } from "./json-response.js";
import type { JsonObject } from "./json-response.js";
import type { Me } from "./people-api.js";

const EMPTY: readonly string[] = [];

/** Throws a `Fault` `webexError` where there is no list `items`. */
export function requiredItems({ items }: JsonObject): readonly unknown[] {
  if (!Array.isArray(items)) throw malformedResponse("has no list of items");
  return items;
}

/**
 * A person of Webex's; null for a bot, a guest and what has no id. Plain loops, since a sweep may decode thousands: members that are
 * missing or of another type are taken as absent.
 */
export function decodePerson(item: unknown): PersonSnapshot | null {
  if (typeof item !== "object" || item === null) return null;
  const { id, type, displayName, userName, emails, sipAddresses, status, lastActivity } =
    item as JsonObject;
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
    if (typeof element !== "string")
      return value.filter((each): each is string => typeof each === "string");
  }
  return value as string[];
}

function sipAddressesOf(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return EMPTY;
  const addresses: string[] = [];
  for (const entry of value as unknown[]) {
    const address =
      typeof entry === "object" && entry !== null ? (entry as JsonObject).value : undefined;
    if (typeof address === "string") addresses.push(address);
  }
  return addresses;
}

/** `/people/me`. Throws a `Fault` `webexError` without `id` or `orgId`. */
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

/** A role's id is the unpadded base64 of `ciscospark://us/ROLE/id_full_admin`. */
function isFullAdminRole(id: string): boolean {
  try {
    return /(^|\/)id_full_admin$/.test(atob(id.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return false;
  }
}
