import type { Subscribable } from "../faults/emitter.js";
import type { PresenceRecord, PresenceState } from "./record.js";

export interface PresenceListQuery {
  /** 1 to 5000. */
  readonly limit: number;
  readonly cursor: string | null;
  /** Null for every state. */
  readonly states: readonly PresenceState[] | null;
  readonly orgId: string | null;
}

export interface PresenceListPage {
  readonly records: readonly PresenceRecord[];
  readonly nextCursor: string | null;
  /** The number of persons on all pages. */
  readonly total: number;
}

export type SubscriptionTarget = { readonly uris: readonly string[] } | { readonly all: true };

/** The changes of one notification. Each concerns each of the subscriptions. */
export interface ChangeBatch {
  readonly subscriptionIds: readonly string[];
  readonly changes: readonly PresenceRecord[];
}

export interface PresenceEvents {
  /** There are changes to drain. Emitted once until `drainChanges` has returned them all. */
  readonly changesPending: undefined;
}

/** Presence, for the protocol. Callers check the parameters. */
export interface PresenceService {
  readonly events: Subscribable<PresenceEvents>;
  /**
   * Returns the record of each address, in order. It waits up to `maxWaitMs` for records that are
   * `notReady` while an answer is on its way, and is synchronous if there is nothing to wait for.
   * With `maxAgeSeconds`, it also requests and waits for what Webex confirmed longer ago than that
   * (elapsed time), or never; what does not come in time is returned as it is known. It does not
   * fail because Webex, a grant or the setting is in a bad state. Throws `Fault` `cancelled`.
   */
  get(
    uris: readonly string[],
    maxWaitMs: number,
    signal: AbortSignal,
    maxAgeSeconds?: number,
  ): PresenceRecord[] | Promise<PresenceRecord[]>;
  /** Throws `Fault` `invalidParams` (an invalid cursor) or `unknownOrganization`. */
  list(query: PresenceListQuery): PresenceListPage;
  /** Throws `Fault` `tooManySubscriptions`. */
  subscribe(target: SubscriptionTarget): { subscriptionId: string; records: PresenceRecord[] };
  /** Throws `Fault` `unknownSubscription`. */
  unsubscribe(subscriptionId: string): void;
  /**
   * Returns up to `max` pending changes that concern the same subscriptions, or null if there are
   * none. Each is the current record: somebody who has changed twice is in it once, and somebody
   * who has changed back is not.
   */
  drainChanges(max: number): ChangeBatch | null;
}
