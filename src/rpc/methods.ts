import { Secret } from "../faults/secret.js";
import type { AuthorizationService } from "../authorization/authorization-service.js";
import type { RequestCall } from "../ports/channel.js";
import type { PresenceService } from "../presence/presence-service.js";
import type { WorkerStatus } from "../supervisor/status.js";
import { authorizationResult, beginResult } from "./authorization-results.js";
import type { MethodName, Params } from "./params.js";
import { PROTOCOL_VERSION } from "./session.js";
import type { HostInfo, Session } from "./session.js";

/** What the methods need of the worker. */
export interface MethodOptions {
  readonly session: Session;
  readonly presence: PresenceService;
  readonly authorization: AuthorizationService;
  readonly status: { current(): WorkerStatus };
  /** Asks for a sweep of one organization, or of all (null). Fault: `unknownOrganization`. */
  readonly poll: (orgId: string | null) => { accepted: boolean; nextPossibleAt: string | null };
  readonly version: string;
  /** The OpenRPC document. */
  readonly openRpc: () => Promise<unknown>;
  readonly onInitialize: (hostInfo: HostInfo) => void;
  /** After `shutdown` was taken, before it is answered. */
  readonly onShutdown: () => void | Promise<void>;
}

export type Methods = {
  readonly [M in MethodName]: (params: Params<M>, call: RequestCall) => unknown;
};

/** Every request the host may send, and what answers it. */
export function createMethods(options: MethodOptions): Methods {
  const { session, presence, authorization } = options;
  return {
    initialize: (params) => {
      options.onInitialize(session.initialize(params));
      return {
        protocolVersion: PROTOCOL_VERSION,
        worker: { name: "ucx-webex-presence", version: options.version },
        capabilities: {
          presence: true,
          subscriptions: true,
          authorization: ["browser", "device", "import"],
          organizations: "multiple",
        },
      };
    },
    shutdown: async () => {
      session.shutDown();
      await options.onShutdown();
      return null;
    },
    "rpc.discover": () => options.openRpc(),

    "presence/get": ({ uri, maxWaitMs }, call) => {
      const result = presence.get([uri], maxWaitMs, signalOf(maxWaitMs, call));
      return result instanceof Promise ? result.then(([record]) => record) : result[0];
    },
    "presence/getMany": ({ uris, maxWaitMs }, call) => {
      const result = presence.get(uris, maxWaitMs, signalOf(maxWaitMs, call));
      return result instanceof Promise
        ? result.then((records) => ({ records }))
        : { records: result };
    },
    "presence/list": ({ limit, cursor, states, orgId }) => {
      const page = presence.list({
        limit,
        cursor: cursor ?? null,
        states: states ?? null,
        orgId: orgId ?? null,
      });
      return { records: page.records, nextCursor: page.nextCursor, total: page.total };
    },
    "presence/subscribe": ({ uris }) => {
      const { subscriptionId, records } = presence.subscribe(
        uris === undefined ? { all: true } : { uris },
      );
      return { subscriptionId, records };
    },
    "presence/unsubscribe": ({ subscriptionId }) => {
      presence.unsubscribe(subscriptionId);
      return null;
    },

    "authorization/setClient": async ({ clientId, clientSecret }) => {
      await authorization.setClient(clientId, new Secret(clientSecret));
      return null;
    },
    "authorization/begin": async ({ method }, call) =>
      beginResult(await authorization.begin(method, call.signal)),
    "authorization/cancel": async () => {
      await authorization.cancel();
      return null;
    },
    "authorization/import": async (
      { refreshToken, accessToken, expiresIn, refreshTokenExpiresIn, scope },
      call,
    ) => {
      const grant = {
        refreshToken: new Secret(refreshToken),
        accessToken: accessToken === undefined ? null : new Secret(accessToken),
        expiresIn: expiresIn ?? null,
        refreshTokenExpiresIn: refreshTokenExpiresIn ?? null,
        scope: scope ?? null,
      };
      return authorizationResult(await authorization.import(grant, call.signal));
    },
    "authorization/list": async () => ({
      authorizations: (await authorization.list()).map(authorizationResult),
    }),
    "authorization/revoke": async ({ orgId }, call) => {
      const { revokedAtWebex } = await authorization.revoke(orgId, call.signal);
      return { revokedAtWebex };
    },
    "authorization/setProxyPassword": async ({ password }) => {
      await authorization.setProxyPassword(password === null ? null : new Secret(password));
      return null;
    },

    "worker/status": () => options.status.current(),
    "worker/poll": ({ orgId }) => {
      const { accepted, nextPossibleAt } = options.poll(orgId ?? null);
      return { accepted, nextPossibleAt };
    },
  };
}

/** A query that does not wait has nothing to cancel, and making a signal costs as much as answering it. */
const NEVER_ABORTED = new AbortController().signal;

function signalOf(maxWaitMs: number, call: RequestCall): AbortSignal {
  return maxWaitMs === 0 ? NEVER_ABORTED : call.signal;
}
