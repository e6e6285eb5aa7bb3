import type { Secret } from "../faults/secret.js";
import type { SecretStore } from "../ports/secret-store.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import {
  CLIENT_ACCOUNT,
  decodeClient,
  decodeGrant,
  decodeIndex,
  decodeProxy,
  encodeClient,
  encodeGrant,
  grantAccount,
  INDEX_ACCOUNT,
  PROXY_ACCOUNT,
} from "./keychain-records.js";

/** Everything the keychain holds for the worker. */
export interface StoredContent {
  readonly client: OAuthClient | null;
  /** In the order of authorization. */
  readonly grants: readonly Grant[];
  readonly proxyPassword: Secret | null;
  /** Organizations that the index names and whose record is missing or cannot be read. */
  readonly unreadableOrgIds: readonly string[];
  /** Accounts that hold a record of another version, or one that cannot be read, or (grants) that the index names in vain. */
  readonly unreadableAccounts: readonly string[];
}

/** Reads all of it. Rejects with the store's fault. */
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
    // A record that names another spelling of the same organization is nobody's loss.
    if (grant === null) unreadableOrgIds.push(orgId);
    if (!unreadableAccounts.includes(account)) unreadableAccounts.push(account);
  }
  const proxyPassword = await record(PROXY_ACCOUNT, decodeProxy);
  return { client, grants, unreadableOrgIds, proxyPassword, unreadableAccounts };
}

/** The content once a grant was stored: in the place of the organization's old one if there is one, else the last. */
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

/** The content once an organization's grant was removed, or what was left of it. */
export function withoutGrant(content: StoredContent, orgId: string): StoredContent {
  return {
    ...content,
    grants: content.grants.filter((grant) => grant.orgId !== orgId),
    unreadableOrgIds: content.unreadableOrgIds.filter((one) => one !== orgId),
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

/** Holds secrets: for comparing only. */
function fingerprint(content: StoredContent): string {
  return JSON.stringify([
    content.client && encodeClient(content.client),
    content.grants.map(encodeGrant),
    content.proxyPassword?.reveal() ?? null,
    content.unreadableOrgIds,
    content.unreadableAccounts,
  ]);
}
