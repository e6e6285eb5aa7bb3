import { Fault } from "../faults/fault.js";
import type { OAuthClient } from "../webex/oauth.js";

/** What `Presence.ini` says about authorization, now. */
export interface AuthorizationSettings {
  /** `WebexPresence.ClientId`; null or empty where it is not set. */
  readonly clientId: string | null;
  readonly apiUrl: string;
  readonly redirectPort: number;
}

/** The id of the integration in use: the settings' goes before the keychain's. Null where neither has one. */
export function effectiveClientId(
  settings: Pick<AuthorizationSettings, "clientId">,
  storedClient: OAuthClient | null,
): string | null {
  const configured = settings.clientId?.trim() ?? "";
  return configured === "" ? (storedClient?.clientId ?? null) : configured;
}

/** The integration in use with its secret, or the fault `clientNotConfigured`: none kept, or one kept for another id. */
export function effectiveClient(
  settings: Pick<AuthorizationSettings, "clientId">,
  storedClient: OAuthClient | null,
): OAuthClient {
  if (storedClient === null) {
    throw new Fault(
      "clientNotConfigured",
      "The Webex integration's client id and secret are not in the keychain: Webex cannot be asked.",
      {
        hint: 'Keep them with the command "ucx-webex-presence secret client", in the account that the worker runs under.',
      },
    );
  }
  if (effectiveClientId(settings, storedClient) !== storedClient.clientId) {
    throw new Fault(
      "clientNotConfigured",
      "The client secret in the keychain belongs to another client id than WebexPresence.ClientId.",
      {
        hint: 'Keep the id and its secret with the command "ucx-webex-presence secret client", or take WebexPresence.ClientId out of the settings.',
      },
    );
  }
  return storedClient;
}

export function originOf(apiUrl: string): string {
  return new URL(apiUrl).origin;
}
