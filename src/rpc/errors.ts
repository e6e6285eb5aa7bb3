import { Fault, type FaultCode } from "../faults/fault.js";
import type { WireError } from "../ports/channel.js";

/** The error codes of the protocol (contract: errors). */
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

/** An error response. */
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

/** The faults that the protocol names, and the member of `data` that belongs to each. */
const WIRE_ERRORS: Partial<
  Record<FaultCode, { code: number; member?: "hint" | "method" | "port" }>
> = {
  cancelled: { code: RpcCode.cancelled },
  clientNotConfigured: { code: RpcCode.clientNotConfigured },
  authorizationInProgress: { code: RpcCode.authorizationInProgress, member: "method" },
  grantRefused: { code: RpcCode.grantRefused, member: "hint" },
  unknownOrganization: { code: RpcCode.unknownOrganization },
  keychainUnavailable: { code: RpcCode.keychainUnavailable, member: "hint" },
  keychainLocked: { code: RpcCode.keychainUnavailable, member: "hint" },
  redirectPortInUse: { code: RpcCode.redirectPortInUse, member: "port" },
  unknownSubscription: { code: RpcCode.unknownSubscription },
  tooManySubscriptions: { code: RpcCode.tooManySubscriptions },
  webexUnreachable: { code: RpcCode.webexUnreachable },
  rateLimited: { code: RpcCode.webexUnreachable },
  webexError: { code: RpcCode.webexUnreachable },
};

/**
 * Returns the error response for what a handler threw, or null if the protocol does not name it:
 * then nothing of it may reach the host. In a cancelled request, a library's own abort error is
 * expected.
 */
export function toProtocolError(thrown: unknown, isCancelled: boolean): ProtocolError | null {
  if (thrown instanceof ProtocolError) return thrown;
  if (!(thrown instanceof Fault)) {
    return isCancelled ? new ProtocolError(RpcCode.cancelled, "The request was cancelled.") : null;
  }
  if (thrown.code === "invalidParams") return fromInvalidParams(thrown);
  const format = WIRE_ERRORS[thrown.code];
  if (format === undefined) return null;
  const { code, member } = format;
  const data = member === undefined ? undefined : { [member]: memberOf(thrown, member) };
  return new ProtocolError(code, thrown.message, data);
}

function memberOf(fault: Fault, member: "hint" | "method" | "port"): unknown {
  if (member !== "hint") return fault.data[member] ?? null;
  return fault.hint ?? fault.data.hint ?? fault.message;
}

/**
 * Some parameters, such as a cursor, are only checked by the service, which names the issues or the
 * member.
 */
function fromInvalidParams(fault: Fault): ProtocolError {
  const { issues, path } = fault.data;
  const list = Array.isArray(issues)
    ? (issues as unknown[])
    : [{ path: typeof path === "string" ? path : "", message: fault.message }];
  return new ProtocolError(RpcCode.invalidParams, fault.message, { issues: list });
}
