import { asFault, Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { IdentityApi } from "../webex/identity.js";
import type { TokenResponse } from "../webex/oauth.js";
import type { Authorization } from "./grant.js";
import { fallbackOrgName } from "./keychain-records.js";
import type { OAuthContext } from "./oauth-context.js";

/** A grant that the host obtained by other means. Lifetimes are in seconds from now. */
export interface ImportedGrant {
  readonly refreshToken: Secret;
  readonly accessToken: Secret | null;
  readonly expiresIn: number | null;
  readonly refreshTokenExpiresIn: number | null;
  /** Space-separated, as in RFC 6749, 3.3. */
  readonly scope: string | null;
}

type VerifyAndStore = (
  context: OAuthContext,
  tokens: TokenResponse,
  refreshToken: Secret,
  signal: AbortSignal,
) => Promise<Authorization>;

/**
 * Imports grants. A grant is verified with its access token, or with a refreshed one if it has none
 * or Webex rejects it.
 */
export class GrantImporter {
  readonly #verifyAndStore: VerifyAndStore;
  readonly #inProgress = new Map<AbortController, OAuthContext>();

  constructor(verifyAndStore: VerifyAndStore) {
    this.#verifyAndStore = verifyAndStore;
  }

  /** Faults: `grantRefused`, `webexUnreachable`, `cancelled`, and those of the keychain. */
  async import(
    context: OAuthContext,
    grant: ImportedGrant,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const cancellation = new AbortController();
    this.#inProgress.set(cancellation, context);
    try {
      return await this.#import(context, grant, AbortSignal.any([signal, cancellation.signal]));
    } catch (error) {
      // `cancelled` would suggest that the caller cancelled, and would not say what to do.
      throw cancellation.signal.aborted && !signal.aborted ? apiUrlChanged() : error;
    } finally {
      this.#inProgress.delete(cancellation);
    }
  }

  /** Cancels the imports that use another API origin. */
  cancelOtherOrigins(apiOrigin: string): void {
    for (const [cancellation, context] of this.#inProgress)
      if (context.apiOrigin !== apiOrigin) cancellation.abort();
  }

  async #import(
    context: OAuthContext,
    grant: ImportedGrant,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const { accessToken, refreshToken } = grant;
    const scopes = grant.scope === null ? null : parseScopes(grant.scope);
    if (accessToken !== null && (grant.expiresIn === null || grant.expiresIn > 0)) {
      const tokens: TokenResponse = {
        accessToken,
        expiresInSeconds: grant.expiresIn,
        refreshToken,
        refreshTokenExpiresInSeconds: grant.refreshTokenExpiresIn,
        scopes,
      };
      try {
        return await this.#verifyAndStore(context, tokens, refreshToken, signal);
      } catch (error) {
        const isRejected =
          error instanceof Fault && error.code === "grantRefused" && error.status === 401;
        if (!isRejected) throw error;
      }
    }
    const refreshed = await context.oauth
      .refresh(context.client, refreshToken, signal)
      .catch((error: unknown) => {
        throw toGrantFault(error);
      });
    const tokens: TokenResponse = {
      ...refreshed,
      scopes: refreshed.scopes ?? scopes,
      refreshTokenExpiresInSeconds:
        refreshed.refreshTokenExpiresInSeconds ?? grant.refreshTokenExpiresIn,
    };
    return this.#verifyAndStore(context, tokens, refreshToken, signal);
  }
}

export interface TokenOwner {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorizedBy: string | null;
}

/**
 * Requests from Webex whom an access token belongs to, which also verifies the token. If the name
 * of the organization cannot be read, a placeholder takes its place. Faults: `grantRefused` (with
 * `data.hint`), `webexUnreachable` (also for 429 and 5xx, since the grant may be good) and
 * `cancelled`.
 */
export async function fetchTokenOwner(
  identity: IdentityApi,
  accessToken: Secret,
  signal: AbortSignal,
): Promise<TokenOwner> {
  try {
    return await requestOwner(identity, accessToken, signal);
  } catch (error) {
    throw toGrantFault(error);
  }
}

async function requestOwner(
  identity: IdentityApi,
  accessToken: Secret,
  signal: AbortSignal,
): Promise<TokenOwner> {
  try {
    const me = await identity.me(accessToken, signal);
    const orgName = await requestOrganizationName(identity, accessToken, me.orgId, signal);
    return { orgId: me.orgId, orgName, authorizedBy: me.displayName ?? me.email };
  } catch (error) {
    const fault = asFault(error);
    if (fault.code !== "forbidden") throw fault;
    // A token without the scope for people can still list its organization. Such a grant is stored,
    // and the missing scope becomes a problem of the organization.
    const [organization, ...others] = await identity.organizations(accessToken, signal);
    if (organization === undefined || others.length > 0) throw fault;
    return { ...organization, authorizedBy: null };
  }
}

async function requestOrganizationName(
  identity: IdentityApi,
  accessToken: Secret,
  orgId: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const name = await identity.organizationName(accessToken, orgId, signal);
    if (name !== "") return name;
  } catch (error) {
    const { code } = asFault(error);
    if (code !== "forbidden" && code !== "notFound" && code !== "refused") throw error;
  }
  return fallbackOrgName(orgId);
}

function toGrantFault(error: unknown): Fault {
  const fault = asFault(error);
  switch (fault.code) {
    case "rateLimited":
    case "webexError":
      return new Fault(
        "webexUnreachable",
        "Webex cannot verify the authorization at the moment, so it was not stored.",
        {
          ...faultDetails(fault),
          hint: "Try again later. If the problem persists, check status.webex.com and the connection to the internet.",
        },
      );
    case "unauthorized":
    case "grantRefused":
    case "refused":
    case "notFound":
      return grantRefused(
        fault,
        "Get a new grant from Webex. This one has expired, was revoked, or belongs to another integration.",
      );
    case "forbidden":
      return grantRefused(
        fault,
        "Authorize as a full administrator, with the scopes spark-admin:people_read and spark-admin:organizations_read, and allow the integration in Control Hub.",
      );
    default:
      return fault;
  }
}

export function grantRefused(cause: Fault | null, hint: string): Fault {
  return new Fault("grantRefused", "Webex refused the grant, so it was not stored.", {
    ...(cause === null ? {} : faultDetails(cause)),
    hint,
    data: { hint },
  });
}

function faultDetails(fault: Fault): {
  cause: Fault;
  status?: number;
  trackingId?: string;
  retryAfterMs?: number;
} {
  return {
    cause: fault,
    ...(fault.status === undefined ? {} : { status: fault.status }),
    ...(fault.trackingId === undefined ? {} : { trackingId: fault.trackingId }),
    ...(fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs }),
  };
}

function apiUrlChanged(): Fault {
  return new Fault(
    "webexUnreachable",
    "WebexPresence.ApiUrl was changed during the import, so the grant was not stored. Import it again at the address that it was issued for. If it was refreshed in the meantime, obtain a new grant first.",
  );
}

function parseScopes(scope: string): readonly string[] {
  return scope.split(/\s+/).filter((s) => s !== "");
}
