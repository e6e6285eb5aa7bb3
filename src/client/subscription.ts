import type { Subscribable } from "../faults/emitter.js";
import { ListenerEmitter } from "./listener-emitter.js";
import type { PresenceRecord } from "./protocol.js";

/** Whom to watch: these addresses, in any spelling, or everyone. */
export type SubscriptionTarget = { readonly uris: readonly string[] } | { readonly all: true };

export interface SubscriptionEvents {
  /** The records of which state, reason or `webexStatus` changed. */
  readonly changed: readonly PresenceRecord[];
  /**
   * The worker was restarted and did not accept the subscription, so that its records stay unknown
   * until the next restart.
   */
  readonly failed: Error;
}

/**
 * A live subscription. When the worker exits, its records become unknown (`notReady`), because
 * nobody confirms them any more; after a restart, the client subscribes again.
 */
export interface Subscription {
  readonly events: Subscribable<SubscriptionEvents>;
  /** The present state by address, as the subscription spells it. */
  readonly records: ReadonlyMap<string, PresenceRecord>;
  /** Ends it, also while the worker is not running. Idempotent. */
  unsubscribe(): Promise<void>;
}

export class LiveSubscription implements Subscription {
  readonly events = new ListenerEmitter<SubscriptionEvents>();
  readonly records = new Map<string, PresenceRecord>();
  readonly target: SubscriptionTarget;
  readonly #end: () => Promise<void>;

  /** `end` is called for each `unsubscribe`. */
  constructor(target: SubscriptionTarget, end: (subscription: LiveSubscription) => Promise<void>) {
    this.target = target;
    this.#end = () => end(this);
  }

  unsubscribe(): Promise<void> {
    return this.#end();
  }

  /** Applies the records of a response, or of a notification, and tells which ones changed. */
  apply(records: readonly PresenceRecord[]): void {
    const changes = records.filter((record) => {
      const before = this.records.get(record.uri);
      this.records.set(record.uri, record);
      return before === undefined || differs(before, record);
    });
    if (changes.length > 0) this.events.emit("changed", changes);
  }

  /** `time` is ISO 8601. */
  handleExit(time: string): void {
    this.apply([...this.records.values()].map((record) => unconfirmed(record, time)));
  }
}

/** As the worker decides what a change is (docs/protocol.md). */
function differs(before: PresenceRecord, record: PresenceRecord): boolean {
  return (
    before.state !== record.state ||
    before.reason !== record.reason ||
    before.webexStatus !== record.webexStatus
  );
}

/** As the worker answers before it has asked Webex. What is known of the person stays. */
function unconfirmed(record: PresenceRecord, since: string): PresenceRecord {
  if (record.reason === "invalidUri" || record.reason === "notReady") return record;
  return { ...record, state: "unknown", basic: null, activities: [], reason: "notReady", since };
}
