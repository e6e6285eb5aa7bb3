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

/** A person as it stands on a page of Webex's list: read only where that is needed, for most are told as they were before. */
export interface ListedPerson {
  /** A number made of every byte written of the person, so the same again where nothing has changed; NaN where it is not known. */
  readonly fingerprint: number;
  /** Null for a bot, a guest and what has no id. Fault: `webexError`, where it cannot be read. */
  read(): PersonSnapshot | null;
}
