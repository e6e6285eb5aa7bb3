import type { Subscribable } from "../faults/emitter.js";
import type { Secret } from "../faults/secret.js";
import type { FlowMethod, FlowView } from "./flow.js";
import type { Authorization } from "./grant.js";

export interface ImportedGrant {
  readonly refreshToken: Secret;
  readonly accessToken: Secret | null;
  /** Seconds. */
  readonly expiresIn: number | null;
  readonly refreshTokenExpiresIn: number | null;
  /** Space-separated, as in OAuth. */
  readonly scope: string | null;
}

export interface AuthorizationChange {
  readonly authorizations: readonly Authorization[];
  readonly flow: FlowView | null;
}

export interface AuthorizationEvents {
  readonly authorizationsChanged: AuthorizationChange;
}

/** What the protocol and the command line may ask of authorization. Every keychain failure is a fault of each call. */
export interface AuthorizationService {
  setClient(clientId: string, clientSecret: Secret): Promise<void>;
  setProxyPassword(password: Secret | null): Promise<void>;
  /** Proves the grant by a call to Webex, then keeps it. Faults: `clientNotConfigured`, `grantRefused`, `webexUnreachable`. */
  import(grant: ImportedGrant, signal: AbortSignal): Promise<Authorization>;
  list(): Promise<readonly Authorization[]>;
  /** Gone from the keychain whatever Webex says. Fault: `unknownOrganization`. */
  revoke(orgId: string, signal: AbortSignal): Promise<{ revokedAtWebex: boolean }>;
  /** The flow of that method that is open already, or a new one. Faults: `authorizationInProgress`, `clientNotConfigured`, `redirectPortInUse`, `webexUnreachable`. */
  begin(method: FlowMethod, signal: AbortSignal): Promise<FlowView>;
  cancel(): Promise<void>;
  readonly events: Subscribable<AuthorizationEvents>;
}
