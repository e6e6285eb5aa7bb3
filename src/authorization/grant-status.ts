import { Fault } from "../faults/fault.js";
import type { OAuthClient } from "../webex/oauth.js";
import { findContextChange } from "./oauth-context.js";
import type { AuthorizationSettings } from "./effective-client.js";
import type { Authorization, Grant } from "./grant.js";
import type { GrantRefusals } from "./grant-refusals.js";

export function missingGrantFault(orgId: string): Fault {
  return new Fault(
    "authorizationRequired",
    "There is no authorization for this organization: its presence cannot be read.",
    {
      hint: "A Webex administrator of the organization has to authorize the integration.",
      data: { orgId },
    },
  );
}

export function unreadableGrantFault(orgId: string): Fault {
  return new Fault(
    "authorizationRequired",
    "The keychain names an authorization of this organization, but its record is missing or cannot be read: its presence is not known.",
    {
      hint: `Authorize the organization again, or take the rest of the authorization out: ucx-webex-presence revoke ${orgId}`,
      data: { orgId },
    },
  );
}

/**
 * Why the grant may not be used with the settings as they are: it was given for another client or another API origin. Null if it may.
 * Without any client id to compare with, the client is the problem, not the grant.
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
      ? "The organization's authorization was given to another Webex integration: it is not used."
      : "The organization's authorization was given for another WebexPresence.ApiUrl: it is not used.",
    {
      hint: "Authorize the organization again, or set back what was changed (WebexPresence.ClientId, the client in the keychain, WebexPresence.ApiUrl).",
      data: { orgId: grant.orgId },
    },
  );
}

/** The grant as the host sees it. */
export function toAuthorization(
  grant: Grant,
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
  refusals: GrantRefusals,
): Authorization {
  const required =
    grantMismatch(grant, settings, storedClient) !== null ||
    refusals.find(grant, storedClient) !== null;
  return {
    orgId: grant.orgId,
    orgName: grant.orgName,
    authorizedBy: grant.authorizedBy,
    scopes: grant.scopes,
    grantedAt: new Date(grant.grantedAt).toISOString(),
    accessTokenExpiresAt: isoOrNull(grant.accessTokenExpiresAt),
    refreshTokenExpiresAt: isoOrNull(grant.refreshTokenExpiresAt),
    state: required ? "required" : "valid",
  };
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
