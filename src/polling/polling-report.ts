/** The settings of `Presence.ini` that apply to polling. */
export interface PollingSettings {
  readonly pollIntervalSeconds: number;
  readonly requestsPerMinute: number;
  readonly staleAfterSeconds: number;
}

/** Webex refuses the organization until a person acts. */
export const REFUSAL_CODES = [
  "authorizationExpired",
  "authorizationRequired",
  "clientNotConfigured",
  "scopeMissing",
  "adminRoleLost",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** A retry may succeed. */
export type TransientCode =
  "webexUnreachable" | "webexError" | "keychainLocked" | "keychainUnavailable";

export type PollingProblemCode =
  | RefusalCode
  | TransientCode
  | "rateLimited"
  | "statusSharingOff"
  | "organizationTooLarge"
  | "freshnessMissed";

/** The variable parts of a problem's message. */
export interface PollingProblemDetail {
  /** HTTP status of Webex's response. */
  readonly status?: number;
  readonly trackingId?: string;
  /** When requests resume, ISO 8601 UTC. */
  readonly until?: string;
  readonly persons?: number;
  /** Age of the watched persons' presence, 95th percentile, seconds. */
  readonly watchedP95?: number;
  readonly staleAfterSeconds?: number;
  readonly missingScopes?: readonly string[];
  /** Replaces the message of the catalog. */
  readonly sentence?: string;
  /** Replaces the hint of the catalog. */
  readonly remedy?: string;
}

export interface PollingProblem {
  readonly code: PollingProblemCode;
  readonly detail: PollingProblemDetail;
}

/** The polling of one organization as shown in the worker's status. Times are ISO 8601 UTC. */
export interface PollingReport {
  readonly persons: number;
  readonly watched: number;
  readonly mode: "sweep" | "lookup" | "mixed";
  /** The last complete sweep. */
  readonly lastSweep: {
    readonly startedAt: string;
    readonly seconds: number;
    readonly persons: number;
    readonly requests: number;
  } | null;
  readonly sweepProgress: { readonly persons: number; readonly pages: number } | null;
  readonly requests: {
    readonly perMinuteLimit: number;
    readonly lastMinute: number;
    readonly total: number;
    readonly rateLimited: number;
    readonly failed: number;
  };
  readonly rateLimitedUntil: string | null;
  readonly nextRequestAt: string | null;
  readonly ageSeconds: { readonly watchedP50: number | null; readonly watchedP95: number | null };
}
