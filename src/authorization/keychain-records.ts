import * as z from "zod/mini";

import { Secret } from "../faults/secret.js";
import type { SecretStore } from "../ports/secret-store.js";
import { organizationUuid } from "../webex/ids.js";
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
  return `grant:${accountName(orgId)}`;
}

/** The announcement of a process that renews a grant. */
export interface Renewal {
  readonly renewer: string;
  /** Milliseconds since the epoch. */
  readonly announcedAt: number;
}

/** Who renews the grant at the moment. Contains no secret. */
export function renewalAccount(orgId: string): string {
  return `renewal:${accountName(orgId)}`;
}

function accountName(orgId: string): string {
  return organizationUuid(orgId) ?? encodeURIComponent(orgId);
}

/**
 * No record is longer: its texts have at most 16,384 characters each, of which JSON makes six in
 * the worst case.
 */
const MAX_RECORD_LENGTH = 2 ** 20;

/** The name shown for an organization whose name cannot be read. */
export function fallbackOrgName(orgId: string): string {
  return `Organization ${(organizationUuid(orgId) ?? orgId).slice(0, 8)} (name not readable)`;
}

// Built when the keychain is first read, because building schemas would delay the first response.
const versionRecord = () => z.object({ version: z.literal(1) });
const nonEmpty = () => z.string().check(z.minLength(1));
const secret = (text = nonEmpty()) =>
  z.pipe(
    text,
    z.transform((value) => new Secret(value)),
  );
/** Earlier versions stored numbers that are no valid time. Such a grant stays readable. */
const time = () => z.pipe(z.nullable(z.number()), z.transform(toTime));
const clientRecord = () => z.object({ clientId: nonEmpty(), clientSecret: secret() });
const indexRecord = () => z.object({ organizations: z.array(nonEmpty()) });
const renewalRecord = () =>
  z.object({ renewals: z.array(z.object({ renewer: nonEmpty(), announcedAt: z.number() })) });
const proxyRecord = () => z.object({ password: secret(z.string()) });
/** The order of the members matters, because contents are compared by their JSON form. */
const grantRecord = () =>
  z.object({
    orgId: nonEmpty(),
    orgName: z.string(),
    authorizedBy: z.nullable(z.string()),
    scopes: z.array(z.string()),
    grantedAt: z.pipe(
      z.number(),
      z.transform((ms) => toTime(ms) ?? 0),
    ),
    clientId: nonEmpty(),
    apiOrigin: nonEmpty(),
    accessToken: secret(),
    accessTokenExpiresAt: time(),
    refreshToken: secret(),
    refreshTokenExpiresAt: time(),
  });

function toTime(ms: number | null): number | null {
  return ms !== null && isValidTime(ms) ? ms : null;
}

function encode(record: object): string {
  return JSON.stringify({ version: 1, ...record });
}

/** Returns null for a record of another version or an unreadable one. */
function decode<T>(schema: () => z.ZodMiniType<T>, text: string): T | null {
  if (text.length > MAX_RECORD_LENGTH) return null;
  try {
    const record: unknown = JSON.parse(text);
    return versionRecord().safeParse(record).success ? schema().parse(record) : null;
  } catch {
    return null;
  }
}

export function encodeClient({ clientId, clientSecret }: OAuthClient): string {
  return encode({ clientId, clientSecret: clientSecret.reveal() });
}

export function encodeIndex(organizations: readonly string[]): string {
  return encode({ organizations });
}

export function decodeIndex(text: string): readonly string[] | null {
  return decode(indexRecord, text)?.organizations ?? null;
}

export function encodeProxy(password: Secret): string {
  return encode({ password: password.reveal() });
}

export function encodeRenewals(renewals: readonly Renewal[]): string {
  return encode({ renewals });
}

/** Empty if the record cannot be read. */
export function decodeRenewals(text: string): readonly Renewal[] {
  return decode(renewalRecord, text)?.renewals ?? [];
}

export function encodeGrant({ accessToken, refreshToken, ...rest }: Grant): string {
  const tokens = { accessToken: accessToken.reveal(), refreshToken: refreshToken.reveal() };
  return encode({ ...rest, ...tokens });
}

export function decodeGrant(text: string): Grant | null {
  return decode(grantRecord, text);
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
  const read = async <T>(account: string, schema: () => z.ZodMiniType<T>) => {
    const text = await store.get(account);
    const record = text === null ? null : decode(schema, text);
    if (text !== null && record === null) unreadableAccounts.push(account);
    return record;
  };
  const client = await read(CLIENT_ACCOUNT, clientRecord);
  const grants: Grant[] = [];
  const unreadableOrgIds: string[] = [];
  const index = await read(INDEX_ACCOUNT, indexRecord);
  for (const orgId of new Set(index?.organizations)) {
    const account = grantAccount(orgId);
    const grant = await read(account, grantRecord);
    if (grant?.orgId === orgId) {
      grants.push(grant);
      continue;
    }
    // Two ids can contain the same UUID. A record that belongs to the other one is not unreadable.
    if (grant === null) unreadableOrgIds.push(orgId);
    if (!unreadableAccounts.includes(account)) unreadableAccounts.push(account);
  }
  const proxyPassword = (await read(PROXY_ACCOUNT, proxyRecord))?.password ?? null;
  return { client, grants, unreadableOrgIds, proxyPassword, unreadableAccounts };
}

/** Returns the content with the grant in the place of the organization's previous one, or last. */
export function withGrant(content: StoredContent, grant: Grant): StoredContent {
  const { grants } = content;
  const isKnown = grants.some((g) => g.orgId === grant.orgId);
  return {
    ...content,
    grants: isKnown ? grants.map((g) => (g.orgId === grant.orgId ? grant : g)) : [...grants, grant],
    unreadableOrgIds: content.unreadableOrgIds.filter((orgId) => orgId !== grant.orgId),
  };
}

/** Returns the content without the organization's grant, or what was left of it. */
export function withoutGrant(content: StoredContent, orgId: string): StoredContent {
  return {
    ...content,
    grants: content.grants.filter((grant) => grant.orgId !== orgId),
    unreadableOrgIds: content.unreadableOrgIds.filter((id) => id !== orgId),
  };
}

export function hasSameTokens(a: Grant, b: Grant): boolean {
  return a.refreshToken.equals(b.refreshToken) && a.accessToken.equals(b.accessToken);
}

/** Equal for equal contents. Contains secrets; only for comparison. */
export function fingerprint(content: StoredContent): string {
  return JSON.stringify([
    content.client && encodeClient(content.client),
    content.grants.map(encodeGrant),
    content.proxyPassword?.reveal() ?? null,
    content.unreadableOrgIds,
    content.unreadableAccounts,
  ]);
}
