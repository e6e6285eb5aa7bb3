/**
 * What to do about a fault: retry, ask a person to act, correct the request, or fix the program.
 */
export type FaultKind = "transient" | "personMustAct" | "badRequest" | "defect";

/** Every fault code with its kind. */
const KIND_OF = {
  // Webex and the route to it
  webexUnreachable: "transient",
  webexError: "transient",
  rateLimited: "transient",
  unauthorized: "personMustAct",
  forbidden: "personMustAct",
  refused: "badRequest",
  notFound: "badRequest",
  grantRefused: "personMustAct",
  // Keychain
  keychainUnavailable: "transient",
  keychainLocked: "transient",
  // Authorization
  clientNotConfigured: "personMustAct",
  authorizationRequired: "personMustAct",
  authorizationInProgress: "badRequest",
  unknownOrganization: "badRequest",
  redirectPortInUse: "personMustAct",
  portInUse: "personMustAct",
  // Presence
  unknownSubscription: "badRequest",
  tooManySubscriptions: "badRequest",
  invalidParams: "badRequest",
  // The program itself
  cancelled: "transient",
  defect: "defect",
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof KIND_OF;

export interface FaultDetails {
  readonly cause?: unknown;
  /** What a person can do about it, in one sentence. */
  readonly hint?: string;
  /** The HTTP status, if the fault is a response of Webex. */
  readonly status?: number;
  /** Webex's TrackingID, which Cisco's support asks for. */
  readonly trackingId?: string;
  /** How long Webex asks to wait before the next request, in milliseconds. */
  readonly retryAfterMs?: number;
  /**
   * The port, method, path or issues that the fault concerns. The host sees it, so it never holds a
   * secret.
   */
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * The one error type inside the worker. Adapters translate the errors of libraries; the core never
 * inspects message texts. `message` is written for an administrator and names no secret and no
 * person.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly kind: FaultKind;
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly trackingId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.kind = KIND_OF[code];
    this.hint = details.hint;
    this.status = details.status;
    this.trackingId = details.trackingId;
    this.retryAfterMs = details.retryAfterMs;
    this.data = details.data ?? {};
  }
}

/** Returns a thrown fault as it is, and anything else as the cause of a `defect`. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault("defect", "An unexpected error occurred in the worker.", { cause: thrown });
}

/** What a log record says of a fault: the cause in words, and what Cisco's support asks for. */
export function faultFields({ code, message, hint, status, trackingId }: Fault) {
  return { code, reason: message, hint, status, trackingId };
}
