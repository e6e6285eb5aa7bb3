export const PRESENCE_STATES = [
  "available",
  "away",
  "onCall",
  "inMeeting",
  "presenting",
  "doNotDisturb",
  "outOfOffice",
  "offline",
  "unknown",
] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

export const PRESENCE_REASONS = [
  "disabled",
  "blocked",
  "notReady",
  "notFound",
  "notShared",
  "stale",
  "neverSignedIn",
  "undetermined",
  "unrecognizedStatus",
  "invalidUri",
] as const;
export type PresenceReason = (typeof PRESENCE_REASONS)[number];

/** What the host is told of one address. Times are ISO 8601 UTC. */
export interface PresenceRecord {
  readonly uri: string;
  readonly state: PresenceState;
  /** RFC 3863 basic status. */
  readonly basic: "open" | "closed" | null;
  /** RFC 4480 activity names. */
  readonly activities: readonly string[];
  readonly reason: PresenceReason | null;
  readonly webexStatus: string | null;
  readonly displayName: string | null;
  readonly personId: string | null;
  readonly orgId: string | null;
  readonly lastActivity: string | null;
  /** When this worker first saw this state. */
  readonly since: string | null;
  /** When Webex last told us. */
  readonly observedAt: string | null;
}
