import type { TransientCode, RefusalCode } from "./verdict.js";

export type PollingProblemCode =
  | RefusalCode
  | TransientCode
  | "rateLimited"
  | "statusSharingOff"
  | "organizationTooLarge"
  | "freshnessMissed";

/** What varies in a problem's message. */
export interface PollingProblemDetail {
  /** HTTP status of Webex's answer. */
  readonly status?: number;
  readonly trackingId?: string;
  /** When requests go on, ISO 8601 UTC. */
  readonly until?: string;
  readonly persons?: number;
  /** Age of what is known of the watched persons, 95th percentile, seconds; and what was promised. */
  readonly watchedP95?: number;
  readonly staleAfterSeconds?: number;
  readonly missingScopes?: readonly string[];
  /** One sentence for the administrator, where the code alone does not say it. */
  readonly sentence?: string;
  /** What to do, where more is known than the code says. */
  readonly remedy?: string;
}

export interface PollingProblem {
  readonly code: PollingProblemCode;
  readonly detail: PollingProblemDetail;
}

/** The polling of one organization, as the status shows it. Times are ISO 8601 UTC. */
export interface PollingReport {
  readonly persons: number;
  readonly watched: number;
  readonly mode: "sweep" | "lookup" | "mixed";
  /** The last complete one. */
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
