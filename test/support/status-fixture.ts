import type { OrganizationStatus, WorkerStatus } from "../../src/supervisor/status.js";

export const ORGANIZATION_STATUS: OrganizationStatus = {
  orgId: "Y2lz",
  orgName: "Example Ltd",
  persons: 30,
  watched: 4,
  mode: "sweep",
  lastSweep: { startedAt: "2026-11-22T09:59:50Z", seconds: 2, persons: 30, requests: 1 },
  sweepProgress: null,
  requests: { perMinuteLimit: 60, lastMinute: 6, total: 100, rateLimited: 0, failed: 0 },
  rateLimitedUntil: null,
  nextRequestAt: null,
  ageSeconds: { watchedP50: 3.4, watchedP95: 9.8 },
  onDemand: { lastMinute: 5, answeredInTime: 3, late: 1 },
};

/** The status of a worker that polls one organization without problems, apart from `changes`. */
export function statusFixture(changes: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    phase: "polling",
    enabled: true,
    since: "2026-11-22T09:00:00Z",
    version: "1.0.0",
    startedAt: "2026-11-22T09:00:00Z",
    pid: 42,
    secretStore: "keychain",
    settings: { path: "/Presence.ini", loadedAt: null, values: {} },
    problems: [],
    organizations: [ORGANIZATION_STATUS],
    ...changes,
  };
}
