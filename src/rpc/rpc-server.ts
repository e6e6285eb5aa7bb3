import { asFault } from "../faults/fault.js";
import type { AuthorizationService } from "../authorization/authorization-service.js";
import type { Channel, ChannelEndReason, RequestCall } from "../ports/channel.js";
import type { Clock, Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PresenceService } from "../presence/presence-service.js";
import { ErrorTranslator, ProtocolError, RpcCode } from "./errors.js";
import { createMethods } from "./methods.js";
import type { MethodOptions, Methods } from "./methods.js";
import { Notifier } from "./notifier.js";
import type { StatusSource } from "./notifier.js";
import { checkParams } from "./param-check.js";
import { isMethodName } from "./params.js";
import type { MethodName } from "./params.js";
import { Session } from "./session.js";

export interface RpcServerOptions extends Omit<MethodOptions, "session"> {
  readonly channel: Channel;
  readonly presence: PresenceService;
  readonly authorization: AuthorizationService;
  readonly status: StatusSource;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  /** The host sent `exit`: 0 after `shutdown`, else 1. Called once. */
  readonly onExit: (code: 0 | 1) => void;
  /** The channel is over without `exit`. Called at most once. */
  readonly onEnd: (end: ChannelEndReason) => void;
}

/** The worker as its host sees it: requests in, answers and notifications out. */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #session = new Session();
  readonly #methods: Methods;
  readonly #errors: ErrorTranslator;
  readonly #notifier: Notifier;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#errors = new ErrorTranslator(options.crypto, options.logger);
    this.#notifier = new Notifier(options);
    this.#methods = createMethods({
      session: this.#session,
      presence: options.presence,
      authorization: options.authorization,
      status: options.status,
      poll: options.poll,
      version: options.version,
      openRpc: options.openRpc,
      onInitialize: options.onInitialize,
      onShutdown: () => {
        this.#notifier.stop();
        return options.onShutdown();
      },
    });
  }

  /** From here on the host is heard, and told. */
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

  /** Tells nothing more and hears nothing more; what was written still leaves by `channel.flush`. Idempotent. */
  stop(): void {
    this.#notifier.stop();
    this.#options.channel.dispose();
  }

  #request(method: string, params: unknown, call: RequestCall): unknown {
    try {
      this.#session.assertOpen();
      if (!isMethodName(method))
        throw new ProtocolError(RpcCode.methodNotFound, "There is no such method.");
      const result = this.#dispatch(method, params, call);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw this.#errors.translate(error, method, call.isCancelled);
      });
    } catch (error) {
      throw this.#errors.translate(error, method, call.isCancelled);
    }
  }

  #dispatch(name: MethodName, params: unknown, call: RequestCall): unknown {
    // `checkParams` gives what this very method takes; the compiler cannot follow one name through two tables.
    const method = this.#methods[name] as (params: unknown, call: RequestCall) => unknown;
    return method(checkParams(name, params), call);
  }

  /** What is no notification of ours is ignored, as JSON-RPC has it: nobody waits for an answer. */
  #notification(method: string): void {
    if (method !== "exit") {
      this.#options.logger.debug("A notification that the worker does not know was ignored.", {
        method: method.slice(0, 100),
      });
      return;
    }
    const code = this.#session.exit();
    if (code === null) return;
    this.#notifier.stop();
    try {
      this.#options.onExit(code);
    } catch (error) {
      this.#options.logger.error("Leaving on the host's word failed.", { error: asFault(error) });
    }
  }
}
