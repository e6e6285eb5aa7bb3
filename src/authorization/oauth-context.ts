import { problemFault } from "../faults/problem-catalog.js";
import type { IdentityApi } from "../webex/identity.js";
import type { OAuthApi, OAuthClient } from "../webex/oauth.js";

/** The part of `Settings` for authorization; this folder does not import `settings/`. */
export interface AuthorizationSettings {
  /** `WebexPresence.ClientId`; null or empty if it is not set. */
  readonly clientId: string | null;
  readonly apiUrl: string;
  readonly redirectPort: number;
  readonly pollIntervalSeconds: number;
}

/** The Webex service behind one value of `WebexPresence.ApiUrl`. */
export interface WebexService {
  readonly apiUrl: string;
  readonly apiOrigin: string;
  readonly oauth: OAuthApi;
  readonly identity: IdentityApi;
}

/**
 * The client and the service that a grant is requested with, captured when the request starts. The
 * resulting codes and tokens belong to both, even if the settings change in the meantime.
 */
export interface OAuthContext extends WebexService {
  readonly client: OAuthClient;
}

export function originOf(apiUrl: string): string {
  return new URL(apiUrl).origin;
}

/**
 * Returns the integration's client ID and secret. Throws `clientNotConfigured` if the keychain has
 * none, or has them for another client ID than the settings name.
 */
export function effectiveClient(
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): OAuthClient {
  if (storedClient === null) throw problemFault("clientNotConfigured", { reason: "missing" });
  if (effectiveClientId(settings, storedClient) !== storedClient.clientId)
    throw problemFault("clientNotConfigured", { reason: "otherClientId" });
  return storedClient;
}

/**
 * Compares the client and the API origin that something was issued for with the current ones, and
 * returns which of them differs. A missing client ID is a problem of the client, not a difference.
 */
export function findContextChange(
  issuedFor: { readonly clientId: string; readonly apiOrigin: string },
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): "client" | "apiOrigin" | null {
  const clientId = effectiveClientId(settings, storedClient);
  if (clientId !== null && clientId !== issuedFor.clientId) return "client";
  return issuedFor.apiOrigin === originOf(settings.apiUrl) ? null : "apiOrigin";
}

/** Why an open flow has to end because the settings name another context now, or null. */
export function findCancelReason(
  { client, apiOrigin }: OAuthContext,
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): string | null {
  const change = findContextChange(
    { clientId: client.clientId, apiOrigin },
    settings,
    storedClient,
  );
  if (change === null) return null;
  return change === "client"
    ? "The client ID of the Webex integration was changed, which ended this authorization. Start again with the new integration."
    : "WebexPresence.ApiUrl was changed, which ended this authorization. Start again at the new address.";
}

/** The client ID in the settings takes precedence over the one in the keychain. */
function effectiveClientId(
  { clientId }: AuthorizationSettings,
  storedClient: OAuthClient | null,
): string | null {
  const configured = clientId?.trim() ?? "";
  return configured === "" ? (storedClient?.clientId ?? null) : configured;
}
