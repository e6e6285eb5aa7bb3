import { Authorizations } from "../authorization/authorizations.js";
import { BrowserFlow, type NoticeBoard } from "../authorization/browser-flow.js";
import { DeviceFlow } from "../authorization/device-flow.js";
import type { AuthorizationSettings } from "../authorization/effective-client.js";
import type { Flow, FlowMethod } from "../authorization/flow.js";
import { GrantRefusals } from "../authorization/grant-refusals.js";
import { OrganizationTokenSource } from "../authorization/token-source.js";
import type { GrantVault } from "../authorization/vault.js";
import type { Http } from "../ports/http.js";
import { WebexIdentity } from "../webex/identity.js";
import { WebexOAuth } from "../webex/oauth.js";
import { webexEndpoints } from "../webex/oauth-endpoints.js";
import type { OAuthApi } from "../webex/oauth-api.js";
import type { WorkerPorts } from "./worker-ports.js";

export interface AuthorizationWiring {
  readonly ports: Pick<WorkerPorts, "clock" | "chance" | "log" | "listenOnLoopback" | "version">;
  readonly vault: GrantVault;
  readonly network: Http;
  readonly settings: () => AuthorizationSettings;
  /** What the authorization page shows of the worker's problems. */
  readonly notices: NoticeBoard;
}

/** The authorization room, put together: the service, and the tokens of each organization. */
export function authorizationParts(wiring: AuthorizationWiring): {
  readonly authorizations: Authorizations;
  readonly tokensOf: (orgId: string) => OrganizationTokenSource;
} {
  const { vault, network: http, settings, notices } = wiring;
  const { clock, chance, log: logger, listenOnLoopback: listen, version } = wiring.ports;
  const refusals = new GrantRefusals();
  const oauth = (): OAuthApi => new WebexOAuth({ version, http, clock }, webexEndpoints(settings().apiUrl));
  const flowFactory = (method: FlowMethod): Flow => {
    const parts = { oauth, client: () => authorizations.client(), keeper: authorizations, clock, chance, logger };
    return method === "device"
      ? new DeviceFlow(parts)
      : new BrowserFlow({ ...parts, notices, listen, redirectPort: settings().redirectPort });
  };
  const authorizations: Authorizations = new Authorizations({
    vault,
    refusals,
    settings,
    oauth,
    identity: () => new WebexIdentity({ apiUrl: settings().apiUrl, version, http, clock }),
    flowFactory,
    clock,
    logger,
  });
  return {
    authorizations,
    tokensOf: (orgId) => new OrganizationTokenSource({ orgId, vault, refusals, settings, oauth, clock, chance, logger }),
  };
}
