import * as z from "zod/mini";

import { Secret } from "../faults/secret.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import { isValidTime } from "./lifetime.js";

/** The accounts under the keychain's service (contract: keychain). */
export const CLIENT_ACCOUNT = "client";
export const INDEX_ACCOUNT = "grants";
export const PROXY_ACCOUNT = "proxy";

/** `grant:<org uuid>`: the uuid inside the organization's id (base64 of `ciscospark://us/ORGANIZATION/<uuid>`), else the id itself, escaped. */
export function grantAccount(orgId: string): string {
  return `grant:${organizationUuid(orgId) ?? encodeURIComponent(orgId)}`;
}

export function organizationUuid(orgId: string): string | null {
  try {
    const text = atob(orgId.replaceAll("-", "+").replaceAll("_", "/"));
    return /^ciscospark:\/\/[^/]+\/ORGANIZATION\/([0-9a-zA-Z-]+)$/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** What stands in for the name of an organization that cannot be read. */
export function fallbackOrgName(orgId: string): string {
  return `Organization ${(organizationUuid(orgId) ?? orgId).slice(0, 8)} (name not readable)`;
}

// Made at the first read of the keychain, because building schemas would delay the worker's first answer.
const version = () => z.literal(1);
const nonEmpty = () => z.string().check(z.minLength(1));
const time = () => z.nullable(z.number());
const clientRecord = () =>
  z.object({ version: version(), clientId: nonEmpty(), clientSecret: nonEmpty() });
const indexRecord = () => z.object({ version: version(), organizations: z.array(nonEmpty()) });
const proxyRecord = () => z.object({ version: version(), password: z.string() });
const grantRecord = () =>
  z.object({
    version: version(),
    orgId: nonEmpty(),
    orgName: z.string(),
    authorizedBy: z.nullable(z.string()),
    scopes: z.array(z.string()),
    grantedAt: z.number(),
    clientId: nonEmpty(),
    apiOrigin: nonEmpty(),
    accessToken: nonEmpty(),
    accessTokenExpiresAt: time(),
    refreshToken: nonEmpty(),
    refreshTokenExpiresAt: time(),
  });

export function encodeClient(client: OAuthClient): string {
  return JSON.stringify({
    version: 1,
    clientId: client.clientId,
    clientSecret: client.clientSecret.reveal(),
  });
}

/** Each decoder gives null for a record of another version or one that cannot be read. */
export function decodeClient(text: string): OAuthClient | null {
  const record = parseRecord(clientRecord, text);
  return record === null
    ? null
    : { clientId: record.clientId, clientSecret: new Secret(record.clientSecret) };
}

export function encodeIndex(organizations: readonly string[]): string {
  return JSON.stringify({ version: 1, organizations });
}

export function decodeIndex(text: string): readonly string[] | null {
  const record = parseRecord(indexRecord, text);
  return record === null ? null : [...new Set(record.organizations)];
}

export function encodeProxy(password: Secret): string {
  return JSON.stringify({ version: 1, password: password.reveal() });
}

export function decodeProxy(text: string): Secret | null {
  const record = parseRecord(proxyRecord, text);
  return record === null ? null : new Secret(record.password);
}

export function encodeGrant(grant: Grant): string {
  const { accessToken, refreshToken, ...rest } = grant;
  return JSON.stringify({
    version: 1,
    ...rest,
    accessToken: accessToken.reveal(),
    refreshToken: refreshToken.reveal(),
  });
}

export function decodeGrant(text: string): Grant | null {
  const record = parseRecord(grantRecord, text);
  if (record === null) return null;
  // In the order in which a grant is made: contents are compared by their text.
  return {
    orgId: record.orgId,
    orgName: record.orgName,
    authorizedBy: record.authorizedBy,
    scopes: record.scopes,
    grantedAt: timeOrNull(record.grantedAt) ?? 0,
    clientId: record.clientId,
    apiOrigin: record.apiOrigin,
    accessToken: new Secret(record.accessToken),
    accessTokenExpiresAt: timeOrNull(record.accessTokenExpiresAt),
    refreshToken: new Secret(record.refreshToken),
    refreshTokenExpiresAt: timeOrNull(record.refreshTokenExpiresAt),
  };
}

/** A number that is no time, which an earlier version let in, must not take the grant with it: then the time is not known. */
function timeOrNull(time: number | null): number | null {
  return time !== null && isValidTime(time) ? time : null;
}

function parseRecord<T>(schema: () => z.ZodMiniType<T>, text: string): T | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  const result = schema().safeParse(parsed);
  return result.success ? result.data : null;
}
