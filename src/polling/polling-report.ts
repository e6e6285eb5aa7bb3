import type { ProblemDetail } from "../faults/problem-catalog.js";
import type { OnDemandCalls } from "../presence/polled-roster.js";

/** The part of `Settings` that applies to polling; this folder does not import `settings/`. */
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

/**
 * What Webex refuses may be put right at Webex, so that a retry succeeds. Without a grant or a
 * client, there is nothing to retry with.
 */
export const RETRYABLE_REFUSALS: readonly RefusalCode[] = [
  "authorizationExpired",
  "scopeMissing",
  "adminRoleLost",
];

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

export interface PollingProblem {
  readonly code: PollingProblemCode;
  readonly detail: ProblemDetail;
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
  readonly onDemand: OnDemandCalls;
}
