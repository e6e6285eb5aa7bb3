import type { PollingReport } from "../polling/polling-report.js";
import type { ProblemCode, ProblemSeverity } from "../faults/problem-catalog.js";

export type Phase = "starting" | "disabled" | "blocked" | "polling" | "stopping";

/**
 * Something that keeps presence from being what it should be. `message` says what happened and what
 * it means, `hint` what to do.
 */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: ProblemSeverity;
  readonly message: string;
  readonly hint: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  readonly orgId: string | null;
}

/** One organization, with what its polling says of itself. */
export interface OrganizationStatus extends PollingReport {
  readonly orgId: string;
  readonly orgName: string;
}

export interface StatusEvents {
  /** `phase` or `problems` has changed. */
  readonly statusChanged: undefined;
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
