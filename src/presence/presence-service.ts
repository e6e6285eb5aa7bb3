import type { Subscribable } from "../faults/emitter.js";
import type { PresenceRecord, PresenceState } from "./record.js";

export interface PresenceListQuery {
  /** 1..5000 */
  readonly limit: number;
  readonly cursor: string | null;
  /** null: every state. */
  readonly states: readonly PresenceState[] | null;
  readonly orgId: string | null;
}

export interface PresenceListPage {
  readonly records: readonly PresenceRecord[];
  readonly nextCursor: string | null;
  /** How many persons the query names in all. */
  readonly total: number;
}

export type SubscriptionTarget = { readonly uris: readonly string[] } | { readonly all: true };

/** Changes for one notification: each concerns each of the subscriptions. */
export interface ChangeBatch {
  readonly subscriptionIds: readonly string[];
  readonly changes: readonly PresenceRecord[];
}

export interface PresenceEvents {
  /** The first change waits since the last one was taken. */
  readonly changesPending: undefined;
}

/** What the protocol may ask of presence. Parameters are checked before they get here. */
export interface PresenceService {
  /**
   * The record of each address, in the order asked. Waits up to `maxWaitMs` for those that are `notReady` while an answer is on
   * its way; never fails because Webex, a grant or the setting is in a bad state. Synchronous where there is nothing to wait for.
   */
  get(
    uris: readonly string[],
    maxWaitMs: number,
    signal: AbortSignal,
  ): PresenceRecord[] | Promise<PresenceRecord[]>;
  /** Faults: `invalidParams` (a bad cursor), `unknownOrganization`. */
  list(query: PresenceListQuery): PresenceListPage;
  /** Fault: `tooManySubscriptions`. */
  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] };
  /** Fault: `unknownSubscription`. */
  unsubscribe(subscriptionId: string): void;
  /** Calls when changes wait to be taken after none did. */
  readonly events: Subscribable<PresenceEvents>;
  /**
   * Takes up to `max` waiting changes that share their subscriptions, as they are now: a person who changed twice meanwhile is
   * told once, one who changed back not at all. Null when none wait.
   */
  drainChanges(max: number): ChangeBatch | null;
}
