/** One Webex user as Webex last told it, reduced to what presence needs. Texts are verbatim. */
export interface PersonSnapshot {
  readonly id: string;
  readonly displayName: string | null;
  readonly userName: string | null;
  readonly emails: readonly string[];
  readonly sipAddresses: readonly string[];
  /** The `status` member, verbatim; null where it is absent. */
  readonly status: string | null;
  /** The `lastActivity` member (ISO 8601), verbatim; null where it is absent. */
  readonly lastActivity: string | null;
}
