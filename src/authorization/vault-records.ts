import { z } from "zod";

import { Secret } from "../faults/secret.js";
import type { OAuthClient } from "../webex/oauth-api.js";
import type { Grant } from "./grant.js";

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

const version = z.literal(1);
const time = z.number().nullable();
const clientRecord = z.object({ version, clientId: z.string().min(1), clientSecret: z.string().min(1) });
const indexRecord = z.object({ version, organizations: z.array(z.string().min(1)) });
const proxyRecord = z.object({ version, password: z.string() });
const grantRecord = z.object({
  version,
  orgId: z.string().min(1),
  orgName: z.string(),
  authorizedBy: z.string().nullable(),
  scopes: z.array(z.string()),
  grantedAt: z.number(),
  clientId: z.string().min(1),
  apiOrigin: z.string().min(1),
  accessToken: z.string().min(1),
  accessTokenExpiresAt: time,
  refreshToken: z.string().min(1),
  refreshTokenExpiresAt: time,
});

export function encodeClient(client: OAuthClient): string {
  return JSON.stringify({ version: 1, clientId: client.clientId, clientSecret: client.clientSecret.reveal() });
}

/** Each decoder gives null for a record of another version or one that cannot be read. */
export function decodeClient(text: string): OAuthClient | null {
  const record = read(clientRecord, text);
  return record === null ? null : { clientId: record.clientId, clientSecret: new Secret(record.clientSecret) };
}

export function encodeIndex(organizations: readonly string[]): string {
  return JSON.stringify({ version: 1, organizations });
}

export function decodeIndex(text: string): readonly string[] | null {
  const record = read(indexRecord, text);
  return record === null ? null : [...new Set(record.organizations)];
}

export function encodeProxy(password: Secret): string {
  return JSON.stringify({ version: 1, password: password.reveal() });
}

export function decodeProxy(text: string): Secret | null {
  const record = read(proxyRecord, text);
  return record === null ? null : new Secret(record.password);
}

export function encodeGrant(grant: Grant): string {
  const { accessToken, refreshToken, ...rest } = grant;
  return JSON.stringify({ version: 1, ...rest, accessToken: accessToken.reveal(), refreshToken: refreshToken.reveal() });
}

export function decodeGrant(text: string): Grant | null {
  const record = read(grantRecord, text);
  if (record === null) return null;
  const { version: _version, accessToken, refreshToken, ...rest } = record;
  return { ...rest, accessToken: new Secret(accessToken), refreshToken: new Secret(refreshToken) };
}

function read<T>(schema: z.ZodType<T>, text: string): T | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  const result = schema.safeParse(parsed);
  return result.success ? result.data : null;
}
