import { Authorizations } from "../authorization/authorizations.js";
import { BrowserFlow } from "../authorization/browser-flow.js";
import { DeviceFlow } from "../authorization/device-flow.js";
import {
  originOf,
  type AuthorizationSettings,
  type WebexService,
} from "../authorization/oauth-context.js";
import { GrantRefusals } from "../authorization/grant-status.js";
import type { Flow, FlowMethod } from "../authorization/flow.js";
import { OrganizationTokenSource } from "../authorization/token-source.js";
import type { GrantStore } from "../authorization/grant-store.js";
import type { PageNotices } from "../authorization/page/page-model.js";
import type { Http } from "../ports/http.js";
import { WebexIdentity } from "../webex/identity.js";
import { WebexOAuth } from "../webex/oauth.js";
import { webexEndpoints } from "../webex/oauth-endpoints.js";
import type { WorkerPorts } from "./worker-ports.js";

export interface AuthorizationWiring {
  readonly ports: Pick<
    WorkerPorts,
    "clock" | "random" | "crypto" | "log" | "listenOnLoopback" | "readAsset" | "version"
  >;
  readonly grantStore: GrantStore;
  readonly network: Http;
  readonly settings: () => AuthorizationSettings;
  readonly settingsLoaded: Promise<void>;
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
  const { grantStore, network: http, settings, settingsLoaded, notices } = wiring;
  const { onAsked = () => undefined } = wiring;
  const { clock, random, crypto, log: logger, version } = wiring.ports;
  const { listenOnLoopback: listen, readAsset } = wiring.ports;
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
  const createFlow = (method: FlowMethod): Flow => {
    const parts = {
      oauthContext: () => authorizations.oauthContext(),
      grantSink: authorizations,
      clock,
      crypto,
      logger,
    };
    return method === "device"
      ? new DeviceFlow(parts)
      : new BrowserFlow({
          ...{ ...parts, notices, readAsset, listen },
          redirectPort: settings().redirectPort,
        });
  };
  const authorizations: Authorizations = new Authorizations({
    grantStore,
    refusals,
    settings,
    settingsLoaded,
    webex,
    createFlow,
    clock,
    logger,
  });
  return {
    authorizations,
    tokensOf: (orgId) =>
      new OrganizationTokenSource({
        ...{ orgId, grantStore, refusals, settings, clock, random, logger },
        oauth: () => webex().oauth,
      }),
  };
}
