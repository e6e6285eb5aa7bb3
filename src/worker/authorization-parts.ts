import { Authorizations } from "../authorization/authorizations.js";
import { BrowserFlow, type PageNotices } from "../authorization/browser-flow.js";
import { DeviceFlow } from "../authorization/device-flow.js";
import type { WebexService } from "../authorization/oauth-context.js";
import { type AuthorizationSettings, originOf } from "../authorization/effective-client.js";
import type { Flow, FlowMethod } from "../authorization/flow.js";
import { GrantRefusals } from "../authorization/grant-refusals.js";
import { OrganizationTokenSource } from "../authorization/token-source.js";
import type { GrantStore } from "../authorization/grant-store.js";
import type { Http } from "../ports/http.js";
import { WebexIdentity } from "../webex/identity.js";
import { WebexOAuth } from "../webex/oauth.js";
import { webexEndpoints } from "../webex/oauth-endpoints.js";
import type { WorkerPorts } from "./worker-ports.js";

export interface AuthorizationWiring {
  readonly ports: Pick<WorkerPorts, "clock" | "random" | "log" | "listenOnLoopback" | "version">;
  readonly grantStore: GrantStore;
  readonly network: Http;
  readonly settings: () => AuthorizationSettings;
  /** A request with the organization's bearer was made apart from polling. */
  readonly onAsked?: (orgId: string) => void;
  /** What the authorization page shows of the worker's problems. */
  readonly notices: PageNotices;
}

/** The authorization room, put together: the service, and the tokens of each organization. */
export function authorizationParts(wiring: AuthorizationWiring): {
  readonly authorizations: Authorizations;
  readonly tokensOf: (orgId: string) => OrganizationTokenSource;
} {
  const { grantStore: vault, network: http, settings, notices, onAsked = () => undefined } = wiring;
  const { clock, random, log: logger, listenOnLoopback: listen, version } = wiring.ports;
  const refusals = new GrantRefusals();
  const webex = (): WebexService => {
    const { apiUrl } = settings();
    const rest = { apiUrl, version, http, clock };
    return {
      apiOrigin: originOf(apiUrl),
      oauth: new WebexOAuth(rest, webexEndpoints(apiUrl)),
      identity: new WebexIdentity(rest, onAsked),
    };
  };
  const flowFactory = (method: FlowMethod): Flow => {
    const parts = {
      oauthContext: () => authorizations.oauthContext(),
      grantSink: authorizations,
      clock,
      chance: random,
      logger,
    };
    return method === "device"
      ? new DeviceFlow(parts)
      : new BrowserFlow({ ...parts, notices, listen, redirectPort: settings().redirectPort });
  };
  const authorizations: Authorizations = new Authorizations({
    vault,
    refusals,
    settings,
    webex,
    createFlow: flowFactory,
    clock,
    logger,
  });
  return {
    authorizations,
    tokensOf: (orgId) =>
      new OrganizationTokenSource({
        ...{ orgId, vault, refusals, settings, clock, chance: random, logger },
        oauth: () => webex().oauth,
      }),
  };
}
