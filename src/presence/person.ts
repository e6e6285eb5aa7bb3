/** One Webex user, reduced to the members that presence needs. Texts are verbatim. */
export interface PersonSnapshot {
  readonly id: string;
  readonly displayName: string | null;
  readonly userName: string | null;
  readonly emails: readonly string[];
  readonly sipAddresses: readonly string[];
  /** The `status` member; null if absent. */
  readonly status: string | null;
  /** The `lastActivity` member (ISO 8601); null if absent. */
  readonly lastActivity: string | null;
}

/** An item of a page of Webex's list. Decoding is deferred, because most items have not changed. */
export interface ListedPerson {
  /** A hash of the item's bytes: equal for an item that has not changed. NaN if not computed. */
  readonly fingerprint: number;
  /** Returns null for a bot, a guest or an item without an id. Throws `Fault` `webexError`. */
  read(): PersonSnapshot | null;
}
