import type { ProblemCode, ProblemSeverity } from "./problem-catalog.js";

export type Phase = "starting" | "disabled" | "blocked" | "polling" | "stopping";

/** Something that keeps presence from being what it should be. `message` says what happened and what it means, `hint` what to do. */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: ProblemSeverity;
  readonly message: string;
  readonly hint: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  readonly orgId: string | null;
}

export interface OrganizationStatus {
  readonly orgId: string;
  readonly orgName: string;
  readonly persons: number;
  readonly watched: number;
  readonly mode: "sweep" | "lookup" | "mixed";
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

export interface WorkerStatus {
  readonly phase: Phase;
  readonly enabled: boolean;
  /** When the phase was entered. */
  readonly since: string;
  readonly version: string;
  readonly startedAt: string;
  readonly pid: number;
  readonly secretStore: "keychain" | "memory";
  readonly settings: {
    readonly path: string;
    readonly loadedAt: string | null;
    readonly values: Readonly<Record<string, string | number | boolean>>;
  };
  readonly problems: readonly Problem[];
  readonly organizations: readonly OrganizationStatus[];
}
