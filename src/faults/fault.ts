/** What to do about a fault: try again later, tell a person, tell the caller, or mend the program. */
export type FaultKind = "transient" | "personMustAct" | "badRequest" | "defect";

/** Every fault the worker knows by name, with the one thing to do about it. */
const KIND_OF = {
  // Webex, as seen from here
  webexUnreachable: "transient",
  webexError: "transient",
  rateLimited: "transient",
  unauthorized: "personMustAct",
  forbidden: "personMustAct",
  refused: "badRequest",
  notFound: "badRequest",
  grantRefused: "personMustAct",
  // the keychain
  keychainUnavailable: "transient",
  keychainLocked: "transient",
  // authorization
  clientNotConfigured: "personMustAct",
  authorizationRequired: "personMustAct",
  authorizationInProgress: "badRequest",
  unknownOrganization: "badRequest",
  redirectPortInUse: "personMustAct",
  // presence
  unknownSubscription: "badRequest",
  tooManySubscriptions: "badRequest",
  invalidParams: "badRequest",
  // the program itself
  cancelled: "transient",
  defect: "defect",
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof KIND_OF;

export interface FaultDetails {
  readonly cause?: unknown;
  /** What a person can do about it: one sentence, shown as it is. */
  readonly hint?: string;
  /** HTTP status, where the fault is an answer of Webex. */
  readonly status?: number;
  /** Webex's TrackingID, for Cisco's support. */
  readonly trackingId?: string;
  /** Milliseconds to wait before the next try, where Webex named them. */
  readonly retryAfterMs?: number;
  /** The port, method, path or list of issues that the fault is about: shown to the host as it is, so never a secret. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * The one error type inside the worker. Adapters translate library errors into it at the edge; nobody inside reads message texts.
 * `message` is written for an administrator and holds no secret and no person.
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

/** The fault behind anything thrown: itself, or a `defect` with the thrown value as its cause. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault("defect", "Unexpected failure inside the worker.", { cause: thrown });
}
