/** A record of the size that the worker's own have. */
export function recordOf(uri) {
  return {
    uri,
    state: "available",
    basic: "open",
    activities: [],
    reason: null,
    webexStatus: "active",
    displayName: "Maria Lefevre",
    personId: "Y2lzY29zcGFyazovL3VzL1BFT1BMRS81ZTE4NWYyNy1kZDU5LTQ0ZDQtYTM0Yi1hYzVjMDdjYmI0ZjM",
    orgId:
      "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi80ZTE4NWYyNy1kZDU5LTQ0ZDQtYTM0Yi1hYzVjMDdjYmI0ZjM",
    lastActivity: "2026-01-14T09:58:12.345Z",
    since: "2026-01-14T09:58:20.001Z",
    observedAt: "2026-01-14T10:00:00.123Z",
  };
}
