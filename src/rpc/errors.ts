import { Fault } from "../faults/fault.js";
import type { FaultCode } from "../faults/fault.js";
import type { Crypto } from "../ports/clock.js";
import type { WireError } from "../ports/channel.js";
import type { Logger } from "../ports/logger.js";

/** Every error code of the protocol (contract: errors), by name. */
export const RpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  cancelled: -32800,
  protocolMismatch: 1002,
  clientNotConfigured: 1101,
  authorizationInProgress: 1102,
  grantRefused: 1103,
  unknownOrganization: 1104,
  keychainUnavailable: 1105,
  redirectPortInUse: 1106,
  unknownSubscription: 1201,
  tooManySubscriptions: 1202,
  webexUnreachable: 1301,
} as const;

/** What the peer sees of a failure. */
export class ProtocolError extends Error implements WireError {
  override readonly name = "ProtocolError";
  readonly code: number;
  readonly data?: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    if (data !== undefined) this.data = data;
  }
}

interface WireErrorFormat {
  readonly code: number;
  /** The member of `data` that goes with the code. */
  readonly data?: "hint" | "method" | "port";
}

/** The faults a host is told by name; every other is internal. */
const WIRE_ERROR_OF: Partial<Record<FaultCode, WireErrorFormat>> = {
  cancelled: { code: RpcCode.cancelled },
  clientNotConfigured: { code: RpcCode.clientNotConfigured },
  authorizationInProgress: { code: RpcCode.authorizationInProgress, data: "method" },
  grantRefused: { code: RpcCode.grantRefused, data: "hint" },
  unknownOrganization: { code: RpcCode.unknownOrganization },
  keychainUnavailable: { code: RpcCode.keychainUnavailable, data: "hint" },
  keychainLocked: { code: RpcCode.keychainUnavailable, data: "hint" },
  redirectPortInUse: { code: RpcCode.redirectPortInUse, data: "port" },
  unknownSubscription: { code: RpcCode.unknownSubscription },
  tooManySubscriptions: { code: RpcCode.tooManySubscriptions },
  webexUnreachable: { code: RpcCode.webexUnreachable },
  rateLimited: { code: RpcCode.webexUnreachable },
  webexError: { code: RpcCode.webexUnreachable },
};

/** Turns whatever a handler threw into what the peer may see: never a stack, never a text that is not ours. */
export class ErrorTranslator {
  readonly #crypto: Crypto;
  readonly #logger: Logger;

  constructor(crypto: Crypto, logger: Logger) {
    this.#crypto = crypto;
    this.#logger = logger;
  }

  /** `cancelled`: the request was, so that a library's own abort error says nothing new. */
  translate(thrown: unknown, method: string, cancelled: boolean): ProtocolError {
    if (thrown instanceof ProtocolError) return thrown;
    if (thrown instanceof Fault) {
      if (thrown.code === "invalidParams") return fromInvalidParams(thrown);
      const format = WIRE_ERROR_OF[thrown.code];
      if (format !== undefined)
        return new ProtocolError(format.code, thrown.message, errorData(thrown, format.data));
    } else if (cancelled) {
      return new ProtocolError(RpcCode.cancelled, "The request was cancelled.");
    }
    return this.#internal(thrown, method);
  }

  #internal(thrown: unknown, method: string): ProtocolError {
    const correlationId = this.#crypto.uuid();
    this.#logger.error(
      "A request failed unexpectedly; its caller was told only the correlation id.",
      {
        correlationId,
        method,
        error: thrown,
      },
    );
    return new ProtocolError(
      RpcCode.internal,
      "The worker failed unexpectedly; its log says more under this correlation id.",
      {
        correlationId,
      },
    );
  }
}

function errorData(
  fault: Fault,
  member: WireErrorFormat["data"],
): Record<string, unknown> | undefined {
  if (member === undefined) return undefined;
  const value =
    member === "hint"
      ? (fault.hint ?? fault.data.hint ?? fault.message)
      : (fault.data[member] ?? null);
  return { [member]: value };
}

/** A check that only the service can make (a cursor): its fault names the issues, or at least the member. */
function fromInvalidParams(fault: Fault): ProtocolError {
  const { issues, path } = fault.data;
  const list = Array.isArray(issues)
    ? (issues as unknown[])
    : [{ path: typeof path === "string" ? path : "", message: fault.message }];
  return new ProtocolError(RpcCode.invalidParams, fault.message, { issues: list });
}
