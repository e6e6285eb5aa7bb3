import * as z from "zod/mini";

import { Secret } from "../faults/secret.js";
import type { SecretStore } from "../ports/secret-store.js";
import type { OAuthClient } from "../webex/oauth.js";
import { isValidTime, type Grant } from "./grant.js";

// The accounts of the keychain's service `ucx-webex-presence`.
export const CLIENT_ACCOUNT = "client";
export const INDEX_ACCOUNT = "grants";
export const PROXY_ACCOUNT = "proxy";

/**
 * Returns `grant:<uuid>` with the UUID inside the organization's id, which is the Base64 form of
 * `ciscospark://us/ORGANIZATION/<uuid>`. An id of another form is used percent-encoded.
 */
export function grantAccount(orgId: string): string {
  return `grant:${organizationUuid(orgId) ?? encodeURIComponent(orgId)}`;
}

function organizationUuid(orgId: string): string | null {
  try {
    const text = atob(orgId.replaceAll("-", "+").replaceAll("_", "/"));
    return /^ciscospark:\/\/[^/]+\/ORGANIZATION\/([0-9a-zA-Z-]+)$/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** The name shown for an organization whose name cannot be read. */
export function fallbackOrgName(orgId: string): string {
  return `Organization ${(organizationUuid(orgId) ?? orgId).slice(0, 8)} (name not readable)`;
}

// Built when the keychain is first read, because building schemas would delay the first response.
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

/** Like the other decoders, returns null for a record of another version or an unreadable one. */
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
  // The order of the members matters, because contents are compared by their JSON form.
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

/**
 * Earlier versions stored numbers that are no valid time. They must not make the grant unreadable.
 */
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

/** Everything that the keychain contains for the worker. */
export interface StoredContent {
  readonly client: OAuthClient | null;
  /** In the order of authorization. */
  readonly grants: readonly Grant[];
  readonly proxyPassword: Secret | null;
  /** Organizations that are in the index but whose record is missing or cannot be read. */
  readonly unreadableOrgIds: readonly string[];
  /** Accounts whose record is missing, cannot be read, or has another version. */
  readonly unreadableAccounts: readonly string[];
}

/** Rejects with the fault of the secret store. */
export async function readContent(store: SecretStore): Promise<StoredContent> {
  const unreadableAccounts: string[] = [];
  const record = async <T>(
    account: string,
    decode: (text: string) => T | null,
  ): Promise<T | null> => {
    const text = await store.get(account);
    if (text === null) return null;
    const decoded = decode(text);
    if (decoded === null) unreadableAccounts.push(account);
    return decoded;
  };
  const client = await record(CLIENT_ACCOUNT, decodeClient);
  const grants: Grant[] = [];
  const unreadableOrgIds: string[] = [];
  for (const orgId of (await record(INDEX_ACCOUNT, decodeIndex)) ?? []) {
    const account = grantAccount(orgId);
    const grant = await record(account, decodeGrant);
    if (grant?.orgId === orgId) {
      grants.push(grant);
      continue;
    }
    // Two ids can contain the same UUID. A record that belongs to the other one is not unreadable.
    if (grant === null) unreadableOrgIds.push(orgId);
    if (!unreadableAccounts.includes(account)) unreadableAccounts.push(account);
  }
  const proxyPassword = await record(PROXY_ACCOUNT, decodeProxy);
  return { client, grants, unreadableOrgIds, proxyPassword, unreadableAccounts };
}

/**
 * Returns the content with the grant in the place of the organization's previous one, or at the
 * end.
 */
export function withGrant(content: StoredContent, grant: Grant): StoredContent {
  const { grants } = content;
  const isKnown = grants.some((g) => g.orgId === grant.orgId);
  const stored = [grantAccount(grant.orgId), INDEX_ACCOUNT];
  return {
    ...content,
    grants: isKnown ? grants.map((g) => (g.orgId === grant.orgId ? grant : g)) : [...grants, grant],
    unreadableOrgIds: content.unreadableOrgIds.filter((orgId) => orgId !== grant.orgId),
    unreadableAccounts: content.unreadableAccounts.filter((account) => !stored.includes(account)),
  };
}

/** Returns the content without the organization's grant, or what was left of it. */
export function withoutGrant(content: StoredContent, orgId: string): StoredContent {
  return {
    ...content,
    grants: content.grants.filter((grant) => grant.orgId !== orgId),
    unreadableOrgIds: content.unreadableOrgIds.filter((id) => id !== orgId),
    unreadableAccounts: content.unreadableAccounts.filter(
      (account) => account !== grantAccount(orgId),
    ),
  };
}

export function hasSameTokens(a: Grant, b: Grant): boolean {
  return a.refreshToken.equals(b.refreshToken) && a.accessToken.equals(b.accessToken);
}

export function isSameContent(a: StoredContent, b: StoredContent): boolean {
  return fingerprint(a) === fingerprint(b);
}

/** Contains secrets; only for comparison. */
function fingerprint(content: StoredContent): string {
  return JSON.stringify([
    content.client && encodeClient(content.client),
    content.grants.map(encodeGrant),
    content.proxyPassword?.reveal() ?? null,
    content.unreadableOrgIds,
    content.unreadableAccounts,
  ]);
}
