export type ProblemSeverity = "error" | "warning" | "info";

/** Every problem the worker can name (contract: status). */
export const PROBLEM_SEVERITY = {
  keychainUnavailable: "error",
  keychainLocked: "error",
  clientNotConfigured: "error",
  authorizationRequired: "error",
  authorizationExpired: "error",
  authorizationDenied: "error",
  scopeMissing: "error",
  adminRoleLost: "error",
  hostTooOld: "error",
  licenseInvalid: "error",
  statusSharingOff: "error",
  settingsUnreadable: "warning",
  settingsInvalid: "warning",
  organizationTooLarge: "warning",
  rateLimited: "warning",
  webexUnreachable: "warning",
  webexError: "warning",
  freshnessMissed: "warning",
  consoleTooOld: "warning",
  redirectPortInUse: "warning",
  settingsMissing: "info",
  memorySecretStore: "info",
} as const satisfies Record<string, ProblemSeverity>;

export type ProblemCode = keyof typeof PROBLEM_SEVERITY;
