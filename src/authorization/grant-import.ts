import { asFault, Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { IdentityApi } from "../webex/identity.js";
import type { TokenResponse } from "../webex/oauth.js";
import type { GrantSink } from "./flow.js";
import { causeDetails, specificHint } from "./grant-status.js";
import type { Authorization, Grant } from "./grant.js";
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

/**
 * Imports grants. A grant is verified with its access token, or with a refreshed one if it has none
 * or Webex rejects it.
 */
export class GrantImporter {
  readonly #completeGrant: GrantSink["completeGrant"];
  readonly #inProgress = new Map<AbortController, OAuthContext>();

  constructor(completeGrant: GrantSink["completeGrant"]) {
    this.#completeGrant = completeGrant;
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
      if (!cancellation.signal.aborted || signal.aborted) throw error;
      // `cancelled` would suggest that the caller cancelled, and would not say what to do.
      throw new Fault(
        "webexUnreachable",
        "WebexPresence.ApiUrl was changed during the import, so the grant was not stored. Import it again at the address that it was issued for. If it was refreshed in the meantime, obtain a new grant first.",
      );
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
    { accessToken, refreshToken, expiresIn, refreshTokenExpiresIn, scope }: ImportedGrant,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const scopes = scope?.split(/\s+/).filter((text) => text !== "") ?? null;
    if (accessToken !== null && (expiresIn === null || expiresIn > 0)) {
      const tokens: TokenResponse = {
        accessToken,
        expiresInSeconds: expiresIn,
        refreshToken,
        refreshTokenExpiresInSeconds: refreshTokenExpiresIn,
        scopes,
      };
      try {
        return await this.#completeGrant(context, tokens, signal);
      } catch (error) {
        const { code, status } = asFault(error);
        if (code !== "grantRefused" || status !== 401) throw error;
      }
    }
    const { oauth, client } = context;
    const refreshed = await oauth.refresh(client, refreshToken, signal).catch(throwGrantFault);
    const tokens: TokenResponse = {
      ...refreshed,
      refreshToken: refreshed.refreshToken ?? refreshToken,
      refreshTokenExpiresInSeconds: refreshed.refreshTokenExpiresInSeconds ?? refreshTokenExpiresIn,
      scopes: refreshed.scopes ?? scopes,
    };
    return this.#completeGrant(context, tokens, signal);
  }
}

type TokenOwner = Pick<Grant, "orgId" | "orgName" | "authorizedBy">;

/**
 * Requests from Webex whom an access token belongs to, which also verifies the token. If the name
 * of the organization cannot be read, a placeholder takes its place. Faults: `grantRefused` (with
 * `data.hint`), `webexUnreachable` (also for 429 and 5xx, since the grant may be good) and
 * `cancelled`.
 */
export function fetchTokenOwner(
  identity: IdentityApi,
  accessToken: Secret,
  signal: AbortSignal,
): Promise<TokenOwner> {
  return requestOwner(identity, accessToken, signal).catch(throwGrantFault);
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

function throwGrantFault(error: unknown): never {
  const fault = asFault(error);
  const { code, retryAfterMs } = fault;
  switch (code) {
    case "rateLimited":
    case "webexError":
    case "notFound":
      // The owner of a token always exists, but not at a wrong address.
      throw new Fault(
        "webexUnreachable",
        `Webex cannot verify the authorization at the moment, so it was not stored. ${fault.message}`,
        {
          ...causeDetails(fault),
          ...(retryAfterMs !== undefined && { retryAfterMs }),
          hint:
            fault.hint ??
            "Try again later. If the problem persists, check WebexPresence.ApiUrl, status.webex.com, and whether a proxy responds in place of Webex.",
        },
      );
    case "unauthorized":
    case "grantRefused":
    case "refused":
      throw grantRefused(
        specificHint(fault) ??
          "Get a new grant from Webex. This one has expired, was revoked, or belongs to another integration.",
        fault,
      );
    case "forbidden":
      throw grantRefused(
        "Authorize as a Full Admin, with the scopes spark-admin:people_read and spark-admin:organizations_read, and allow the integration in Control Hub.",
        fault,
      );
    default:
      throw fault;
  }
}

export function grantRefused(hint: string, cause?: Fault): Fault {
  const message =
    cause?.data.error === "invalid_client"
      ? "Webex rejects the client ID and client secret of the integration, so the grant was not stored."
      : "Webex refused the grant, so it was not stored.";
  return new Fault("grantRefused", cause === undefined ? message : `${message} ${cause.message}`, {
    ...(cause !== undefined && causeDetails(cause)),
    hint,
    data: { hint },
  });
}
