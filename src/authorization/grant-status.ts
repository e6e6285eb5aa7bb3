import { Emitter } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Authorization, Grant } from "./grant.js";
import { findContextChange, type AuthorizationSettings } from "./oauth-context.js";

/** An organization's grant, and what prevents its use: a fault, or null if nothing does. */
export interface GrantStatus {
  readonly orgId: string;
  readonly orgName: string;
  /** Null if the grant's record cannot be read. */
  readonly scopes: readonly string[] | null;
  /** `authorizationRequired` or `grantRefused`. */
  readonly fault: Fault | null;
}

export interface GrantRefusal {
  readonly fault: Fault;
  /** `Clock.monotonic()` of the latest refusal. */
  readonly refusedAt: number;
}

interface Entry extends GrantRefusal {
  readonly grant: Grant;
  readonly client: OAuthClient;
}

export interface RefusalEvents {
  /** The organization whose grant was refused, or is no longer refused. */
  readonly refusalChanged: string;
}

/**
 * The grants that Webex refused to refresh. Their tokens stay in the keychain. A refusal applies to
 * one refresh token with one client, so that a new authorization, a refresh by another process or a
 * new client secret end it.
 */
export class GrantRefusals {
  readonly events = new Emitter<RefusalEvents>();
  readonly #entries = new Map<string, Entry>();

  record(grant: Grant, client: OAuthClient, fault: Fault, refusedAt: number): void {
    const isKnown = this.find(grant, client) !== null;
    this.#entries.set(grant.orgId, { grant, client, fault, refusedAt });
    if (!isKnown) this.events.emit("refusalChanged", grant.orgId);
  }

  clear(orgId: string): void {
    if (this.#entries.delete(orgId)) this.events.emit("refusalChanged", orgId);
  }

  /** Returns the refusal that applies to this grant with this client, or null. */
  find(grant: Grant, client: OAuthClient | null): GrantRefusal | null {
    const entry = this.#entries.get(grant.orgId);
    if (entry?.grant.refreshToken.equals(grant.refreshToken) !== true) return null;
    const isSameClient =
      client === null ||
      (client.clientId === entry.client.clientId &&
        client.clientSecret.equals(entry.client.clientSecret));
    return isSameClient ? entry : null;
  }
}

export function missingGrantFault(orgId: string): Fault {
  return new Fault("authorizationRequired", "The organization is not authorized.", {
    hint: "Have a Webex administrator of the organization authorize the integration.",
    data: { orgId },
  });
}

export function unreadableGrantFault(orgId: string): Fault {
  return new Fault(
    "authorizationRequired",
    "The keychain lists an authorization of this organization, but its record is missing or cannot be read.",
    {
      hint: `Authorize the organization again, or remove what is left of the authorization: ucx-webex-presence revoke ${orgId}`,
      data: { orgId },
    },
  );
}

/**
 * Why the grant cannot be used with the current settings: it was issued for another client or
 * another API origin. Returns null if it can.
 */
export function grantMismatch(
  grant: Grant,
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): Fault | null {
  const change = findContextChange(grant, settings, storedClient);
  if (change === null) return null;
  return new Fault(
    "authorizationRequired",
    change === "client"
      ? "The authorization of the organization was given to another Webex integration and is not used."
      : "The authorization of the organization was given for another WebexPresence.ApiUrl and is not used.",
    {
      hint: "Authorize the organization again, or restore the previous setting (WebexPresence.ClientId, the client in the keychain, or WebexPresence.ApiUrl).",
      data: { orgId: grant.orgId },
    },
  );
}

/** Returns the grant as the host sees it. `fault` is what prevents its use, or null. */
export function toAuthorization(grant: Grant, fault: Fault | null): Authorization {
  return {
    orgId: grant.orgId,
    orgName: grant.orgName,
    authorizedBy: grant.authorizedBy,
    scopes: grant.scopes,
    grantedAt: new Date(grant.grantedAt).toISOString(),
    accessTokenExpiresAt: isoOrNull(grant.accessTokenExpiresAt),
    refreshTokenExpiresAt: isoOrNull(grant.refreshTokenExpiresAt),
    state: fault === null ? "valid" : "required",
  };
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
