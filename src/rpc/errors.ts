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
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** The faults that the protocol names, and the member of `data` that belongs to each. */
const WIRE_ERRORS: Partial<
  Record<FaultCode, readonly [code: number, member?: "hint" | "issues" | "method" | "port"]>
> = {
  invalidParams: [RpcCode.invalidParams, "issues"],
  cancelled: [RpcCode.cancelled],
  clientNotConfigured: [RpcCode.clientNotConfigured],
  authorizationInProgress: [RpcCode.authorizationInProgress, "method"],
  grantRefused: [RpcCode.grantRefused, "hint"],
  unknownOrganization: [RpcCode.unknownOrganization],
  keychainUnavailable: [RpcCode.keychainUnavailable, "hint"],
  keychainLocked: [RpcCode.keychainUnavailable, "hint"],
  redirectPortInUse: [RpcCode.redirectPortInUse, "port"],
  unknownSubscription: [RpcCode.unknownSubscription],
  tooManySubscriptions: [RpcCode.tooManySubscriptions],
  webexUnreachable: [RpcCode.webexUnreachable],
  rateLimited: [RpcCode.webexUnreachable],
  webexError: [RpcCode.webexUnreachable],
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
  const { message, hint = message, data } = thrown;
  const [code, member] = WIRE_ERRORS[thrown.code] ?? [];
  if (code === undefined) return null;
  if (member === undefined) return new ProtocolError(code, message);
  const value = member === "hint" ? hint : (data[member] ?? null);
  return new ProtocolError(code, message, { [member]: value });
}
