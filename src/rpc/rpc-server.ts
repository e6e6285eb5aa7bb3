import { asFault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { FlowView } from "../authorization/flow.js";
import type { ChannelEndReason, RequestCall } from "../ports/channel.js";
import type { Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import { ProtocolError, RpcCode, toProtocolError } from "./errors.js";
import { authorizationResult, Notifier, type NotifierOptions } from "./notifier.js";
import { checkParams, isMethodName, type MethodName, type Params } from "./params.js";
import { PROTOCOL_VERSION, Session, type HostInfo } from "./session.js";

export interface RpcServerOptions extends NotifierOptions {
  /** Requests a sweep of one organization, or of all (null). Fault: `unknownOrganization`. */
  readonly poll: (orgId: string | null) => { accepted: boolean; nextPossibleAt: string | null };
  readonly version: string;
  /** Loads the OpenRPC document. */
  readonly openRpc: () => Promise<unknown>;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly onInitialize: (hostInfo: HostInfo) => void;
  /** Called after `shutdown` is accepted and before it is answered. */
  readonly onShutdown: () => void | Promise<void>;
  /** Called once, when the host sends `exit`: with 0 after `shutdown`, otherwise with 1. */
  readonly onExit: (code: 0 | 1) => void;
  /** Called at most once, when the channel ends without `exit`. */
  readonly onEnd: (end: ChannelEndReason) => void;
}

type Methods = {
  readonly [M in MethodName]: (params: Params<M>, call: RequestCall) => unknown;
};

/** Dispatches the host's requests and sends it responses and notifications. */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #session = new Session();
  readonly #methods: Methods;
  readonly #notifier: Notifier;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#notifier = new Notifier(options);
    this.#methods = createMethods(options, this.#session, this.#notifier);
  }

  start(): void {
    this.#notifier.start();
    this.#options.channel.listen(
      {
        request: (method, params, call) => this.#request(method, params, call),
        notification: (method) => this.#notification(method),
      },
      (end) => {
        this.#notifier.stop();
        this.#options.onEnd(end);
      },
    );
  }

  /** Ends all traffic except what `channel.flush` still has to write. Idempotent. */
  stop(): void {
    this.#notifier.stop();
    this.#options.channel.dispose();
  }

  #request(method: string, params: unknown, call: RequestCall): unknown {
    try {
      this.#session.assertOpen();
      if (!isMethodName(method)) {
        throw new ProtocolError(RpcCode.methodNotFound, "There is no such method.");
      }
      // The compiler cannot relate the two lookups by the same method name.
      const handle = this.#methods[method] as (params: unknown, call: RequestCall) => unknown;
      const result = handle(checkParams(method, params), call);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw this.#toWireError(error, method, call);
      });
    } catch (error) {
      throw this.#toWireError(error, method, call);
    }
  }

  #toWireError(error: unknown, method: string, call: RequestCall): ProtocolError {
    const expected = toProtocolError(error, call.isCancelled);
    if (expected !== null) return expected;
    const correlationId = this.#options.crypto.uuid();
    this.#options.logger.error(
      "A request failed unexpectedly. Its response contains only the correlation id.",
      { correlationId, method, error },
    );
    return new ProtocolError(
      RpcCode.internal,
      "The worker failed unexpectedly. The correlation id identifies the log record.",
      { correlationId },
    );
  }

  /** JSON-RPC forbids a response to a notification, so unknown ones are ignored. */
  #notification(method: string): void {
    const { logger, onExit } = this.#options;
    if (method !== "exit") {
      logger.debug("Ignored an unknown notification.", { method: method.slice(0, 100) });
      return;
    }
    const code = this.#session.exit();
    if (code === null) return;
    this.#notifier.stop();
    try {
      onExit(code);
    } catch (error) {
      logger.error("The exit requested by the host failed.", { error: asFault(error) });
    }
  }
}

function createMethods(options: RpcServerOptions, session: Session, notifier: Notifier): Methods {
  const { presence, authorization } = options;
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
      notifier.stop();
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
    "presence/list": ({ limit, cursor = null, states = null, orgId = null }) => {
      const { records, nextCursor, total } = presence.list({ limit, cursor, states, orgId });
      return { records, nextCursor, total };
    },
    "presence/subscribe": ({ uris }) => {
      const target = uris === undefined ? ({ all: true } as const) : { uris };
      const { subscriptionId, records } = presence.subscribe(target);
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
      { refreshToken, accessToken, expiresIn = null, refreshTokenExpiresIn = null, scope = null },
      call,
    ) => {
      const grant = {
        refreshToken: new Secret(refreshToken),
        accessToken: accessToken === undefined ? null : new Secret(accessToken),
        expiresIn,
        refreshTokenExpiresIn,
        scope,
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
    "worker/poll": ({ orgId = null }) => {
      const { accepted, nextPossibleAt } = options.poll(orgId);
      return { accepted, nextPossibleAt };
    },
  };
}

function beginResult(flow: FlowView): Record<string, unknown> {
  const {
    method,
    url,
    redirectUri,
    verificationUri,
    verificationUriComplete,
    userCode,
    expiresAt,
  } = flow;
  return method === "browser"
    ? { method, url, redirectUri, expiresAt }
    : { method, verificationUri, verificationUriComplete, userCode, expiresAt };
}

const NEVER_ABORTED = new AbortController().signal;

/** A query that does not wait cannot be cancelled, and creating a signal would double its cost. */
function signalOf(maxWaitMs: number, call: RequestCall): AbortSignal {
  return maxWaitMs === 0 ? NEVER_ABORTED : call.signal;
}
