import { Secret } from "../faults/secret.js";
import type { FlowView } from "../authorization/flow.js";
import type { ChannelEndReason, RequestCall } from "../ports/channel.js";
import type { Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PresenceRecord } from "../presence/record.js";
import { ProtocolError, RpcCode, toProtocolError } from "./errors.js";
import { authorizationResult, Notifier, type NotifierOptions } from "./notifier.js";
import { checkParams, isMethodName, type MethodName, type Params } from "./params.js";

const PROTOCOL_VERSION = "1.1";
/** Later versions only add to earlier ones, so that a host of any of them is served. */
const SUPPORTED_VERSIONS = ["1.0", PROTOCOL_VERSION];
/** Whoever needs fresh presence is about to act on it: waiting longer would be no help. */
const DEFAULT_REFRESH_WAIT_MS = 3_000;

export interface RpcServerOptions extends NotifierOptions {
  /** Requests a sweep of one organization, or of all (null). Fault: `unknownOrganization`. */
  readonly poll: (orgId: string | null) => { accepted: boolean; nextPossibleAt: string | null };
  readonly version: string;
  /** Loads the OpenRPC document. */
  readonly openRpc: () => Promise<unknown>;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly onInitialize: (params: Params<"initialize">) => void;
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
  readonly #notifier: Notifier;
  readonly #methods: Methods;
  #state: "new" | "initialized" | "shutDown" | "exited" = "new";

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#notifier = new Notifier(options);
    this.#methods = this.#createMethods();
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
    // Some clients send everything as a request.
    if (method === "exit") {
      this.#exit();
      return null;
    }
    try {
      if (this.#state === "shutDown" || this.#state === "exited") {
        throw invalidRequest("The worker is shut down and accepts only exit.");
      }
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
    if (method === "exit") this.#exit();
    else {
      const shown = method.slice(0, 100);
      this.#options.logger.debug("Ignored an unknown notification.", { method: shown });
    }
  }

  #exit(): void {
    if (this.#state === "exited") return;
    const code = this.#state === "shutDown" ? 0 : 1;
    this.#state = "exited";
    this.#notifier.stop();
    this.#options.onExit(code);
  }

  /** Optional, and accepted once. A rejected call does not count. */
  #initialize(params: Params<"initialize">): Record<string, unknown> {
    if (this.#state !== "new") throw invalidRequest("The session is already initialized.");
    if (!/^1(\.\d+)*$/.test(params.protocolVersion)) {
      throw new ProtocolError(
        RpcCode.protocolMismatch,
        "The worker does not support this version of the protocol.",
        { supported: SUPPORTED_VERSIONS },
      );
    }
    this.#state = "initialized";
    this.#options.onInitialize(params);
    return {
      protocolVersion: PROTOCOL_VERSION,
      worker: { name: "ucx-webex-presence", version: this.#options.version },
      capabilities: {
        presence: true,
        subscriptions: true,
        authorization: ["browser", "device", "import"],
        organizations: "multiple",
      },
    };
  }

  #query(
    uris: readonly string[],
    { maxWaitMs, maxAgeSeconds }: Pick<Params<"presence/get">, "maxWaitMs" | "maxAgeSeconds">,
    call: RequestCall,
  ): PresenceRecord[] | Promise<PresenceRecord[]> {
    const waitMs = maxWaitMs ?? (maxAgeSeconds === undefined ? 0 : DEFAULT_REFRESH_WAIT_MS);
    return this.#options.presence.get(uris, waitMs, signalOf(waitMs, call), maxAgeSeconds);
  }

  #createMethods(): Methods {
    const { presence, authorization, status, openRpc, poll, onShutdown } = this.#options;
    return {
      initialize: (params) => this.#initialize(params),
      shutdown: () => {
        this.#state = "shutDown";
        this.#notifier.stop();
        return onShutdown();
      },
      "rpc.discover": () => openRpc(),

      "presence/get": (params, call) => {
        const result = this.#query([params.uri], params, call);
        return result instanceof Promise ? result.then(([record]) => record) : result[0];
      },
      "presence/getMany": (params, call) => {
        const result = this.#query(params.uris, params, call);
        if (!(result instanceof Promise)) return { records: result };
        return result.then((records) => ({ records }));
      },
      "presence/list": ({ limit, cursor = null, states = null, orgId = null }) =>
        presence.list({ limit, cursor, states, orgId }),
      "presence/subscribe": ({ uris }) =>
        presence.subscribe(uris === undefined ? { all: true } : { uris }),
      "presence/unsubscribe": ({ subscriptionId }) => presence.unsubscribe(subscriptionId),

      "authorization/setClient": ({ clientId, clientSecret }) =>
        authorization.setClient(clientId, new Secret(clientSecret)),
      "authorization/begin": async ({ method }, call) =>
        beginResult(await authorization.begin(method, call.signal)),
      "authorization/cancel": () => authorization.cancel(),
      "authorization/import": async (params, call) => {
        const { accessToken, expiresIn = null, refreshTokenExpiresIn = null } = params;
        const grant = {
          refreshToken: new Secret(params.refreshToken),
          accessToken: accessToken === undefined ? null : new Secret(accessToken),
          expiresIn,
          refreshTokenExpiresIn,
          scope: params.scope ?? null,
        };
        return authorizationResult(await authorization.import(grant, call.signal));
      },
      "authorization/list": async () => ({
        authorizations: (await authorization.list()).map(authorizationResult),
      }),
      "authorization/revoke": ({ orgId }, call) => authorization.revoke(orgId, call.signal),
      "authorization/setProxyPassword": ({ password }) =>
        authorization.setProxyPassword(password === null ? null : new Secret(password)),

      "worker/status": () => status.current(),
      "worker/poll": ({ orgId = null }) => poll(orgId),
    };
  }
}

function invalidRequest(message: string): ProtocolError {
  return new ProtocolError(RpcCode.invalidRequest, message);
}

function beginResult(flow: FlowView): Record<string, unknown> {
  const { method, expiresAt } = flow;
  if (method === "browser") {
    const { url, redirectUri } = flow;
    return { method, url, redirectUri, expiresAt };
  }
  const { verificationUri, verificationUriComplete, userCode } = flow;
  return { method, verificationUri, verificationUriComplete, userCode, expiresAt };
}

const NEVER_ABORTED = new AbortController().signal;

/** A query that does not wait cannot be cancelled, and creating a signal would double its cost. */
function signalOf(maxWaitMs: number, call: RequestCall): AbortSignal {
  return maxWaitMs === 0 ? NEVER_ABORTED : call.signal;
}
