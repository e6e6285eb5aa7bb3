import type { AuthorizationEvents, GrantSink } from "../../src/authorization/flow.js";
import type { PageNoticesEvents, PageNotice } from "../../src/authorization/page/page-model.js";
import { Fault } from "../../src/faults/fault.js";
import { Emitter } from "../../src/faults/emitter.js";
import { Secret } from "../../src/faults/secret.js";
import { type Authorization, REQUIRED_SCOPES } from "../../src/authorization/grant.js";
import type { OAuthContext } from "../../src/authorization/oauth-context.js";
import type {
  DeviceAuthorization,
  DeviceTokenPoll,
  OAuthApi,
  OAuthClient,
  TokenResponse,
} from "../../src/webex/oauth.js";
import type { IdentityApi } from "../../src/webex/identity.js";

export const CLIENT: OAuthClient = {
  clientId: "C0ffee-client",
  clientSecret: new Secret("client-secret-text"),
};

export const TOKEN_RESPONSE: TokenResponse = {
  accessToken: new Secret("access-token-text"),
  expiresInSeconds: 1_209_599,
  refreshToken: new Secret("refresh-token-text"),
  refreshTokenExpiresInSeconds: 7_775_999,
  scopes: REQUIRED_SCOPES,
};

export function authorizationOf(
  orgName: string,
  changes: Partial<Authorization> = {},
): Authorization {
  return {
    orgId: `org-${orgName}`,
    orgName,
    authorizedBy: "Ada Admin",
    scopes: REQUIRED_SCOPES,
    grantedAt: "2026-01-01T00:00:00.000Z",
    accessTokenExpiresAt: "2026-01-14T23:59:59.000Z",
    refreshTokenExpiresAt: "2026-03-31T23:59:59.000Z",
    state: "valid",
    ...changes,
  };
}

export function faultOf(
  code: ConstructorParameters<typeof Fault>[0],
  hint = "Do something about it.",
): Fault {
  return new Fault(code, `What ${code} means.`, { hint });
}

/**
 * The OAuth endpoints of Webex. Each call has the next outcome; an unexpected one fails the test.
 */
export class OAuthFake implements OAuthApi {
  readonly exchanges: { code: string; redirectUri: string; verifier: string }[] = [];
  readonly authorizeRequests: Parameters<OAuthApi["authorizeUrl"]>[0][] = [];
  readonly polledAt: number[] = [];
  readonly exchangeOutcomes: (TokenResponse | Fault | Promise<TokenResponse>)[] = [];
  readonly pollOutcomes: (DeviceTokenPoll | Fault)[] = [];
  deviceCode: DeviceAuthorization | Fault = {
    deviceCode: new Secret("device-code-text"),
    userCode: "729703",
    verificationUri: "https://login.example/verify",
    verificationUriComplete: "https://login.example/verify?userCode=729703",
    expiresInSeconds: 300,
    intervalSeconds: 2,
  };
  now: () => number = () => 0;

  authorizeUrl(request: Parameters<OAuthApi["authorizeUrl"]>[0]): string {
    this.authorizeRequests.push(request);
    return `https://webex.example/v1/authorize?state=${request.state}`;
  }

  async exchangeCode(
    _client: OAuthClient,
    grant: { code: Secret; redirectUri: string; codeVerifier: Secret },
    _signal: AbortSignal,
  ): Promise<TokenResponse> {
    this.exchanges.push({
      code: grant.code.reveal(),
      redirectUri: grant.redirectUri,
      verifier: grant.codeVerifier.reveal(),
    });
    return outcomeOf(await this.exchangeOutcomes.shift());
  }

  async authorizeDevice(): Promise<DeviceAuthorization> {
    return outcomeOf(this.deviceCode);
  }

  async pollDeviceToken(): Promise<DeviceTokenPoll> {
    this.polledAt.push(this.now());
    return outcomeOf(this.pollOutcomes.shift());
  }

  refresh(): Promise<TokenResponse> {
    throw new Error("A flow does not refresh tokens.");
  }

  revoke(): Promise<void> {
    throw new Error("A flow does not revoke tokens.");
  }
}

/** A context whose identity API is never called, because the grant sink is a fake. */
export function oauthContextOf(
  oauth: OAuthApi,
  client = CLIENT,
  apiOrigin = "https://webex.example",
  apiPath = "/v1",
): OAuthContext {
  const unexpected = (): Promise<never> =>
    Promise.reject(new Error("A flow does not call the identity API."));
  const identity: IdentityApi = {
    me: unexpected,
    organizationName: unexpected,
    organizations: unexpected,
  };
  return { client, apiUrl: `${apiOrigin}${apiPath}`, apiOrigin, oauth, identity };
}

/** A grant sink in memory. `faults` are thrown first, one for each call. */
export class GrantSinkFake implements GrantSink {
  readonly faults: Fault[] = [];
  readonly next: Authorization[] = [];
  authorizations: Authorization[] = [];
  completedCount = 0;
  /** The context of each call, including those that failed. */
  readonly oauthContexts: OAuthContext[] = [];
  listFault: Fault | null = null;
  readonly events = new Emitter<AuthorizationEvents>();

  async completeGrant(
    oauthContext: OAuthContext,
    tokens: TokenResponse,
    signal?: AbortSignal,
  ): Promise<Authorization> {
    this.oauthContexts.push(oauthContext);
    if (signal?.aborted === true) throw new Fault("cancelled", "Cancelled.");
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
    if (!tokens.accessToken.equals(TOKEN_RESPONSE.accessToken))
      throw new Error("These are not the tokens that Webex issued.");
    const authorization = this.next.shift() ?? authorizationOf("Acme");
    this.completedCount += 1;
    this.authorizations = [
      ...this.authorizations.filter(({ orgId }) => orgId !== authorization.orgId),
      authorization,
    ];
    this.events.emit("authorizationsChanged", { authorizations: this.authorizations, flow: null });
    return authorization;
  }

  async list(): Promise<readonly Authorization[]> {
    if (this.listFault !== null) throw this.listFault;
    return this.authorizations;
  }
}

export class PageNoticesFake {
  notices: PageNotice[] = [];
  readonly events = new Emitter<PageNoticesEvents>();

  list(): readonly PageNotice[] {
    return this.notices;
  }

  set(...notices: PageNotice[]): void {
    this.notices = notices;
    this.events.emit("problemsChanged");
  }
}

function outcomeOf<T>(outcome: T | Fault | undefined): T {
  if (outcome === undefined) throw new Error("The test did not expect this call to Webex.");
  if (outcome instanceof Fault) throw outcome;
  return outcome;
}
