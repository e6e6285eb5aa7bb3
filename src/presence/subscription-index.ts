import { Fault } from "../faults/fault.js";
import {
  SubscriberSets,
  type SubscriberSet,
  type Subscription,
  type WatchedUri,
} from "./audience.js";
import type { ChangeBatch } from "./presence-service.js";
import type { PresenceRecord } from "./record.js";
import { NOT_FOUND, type PresenceValue } from "./state-table.js";

const MAX_SUBSCRIPTIONS = 1000;

/** What is known under an address now. */
export interface Resolution {
  readonly value: PresenceValue;
  readonly webexStatus: string | null;
  /** Whether somebody has the address. */
  readonly isMatched: boolean;
}

export interface PresenceSource<F extends Resolution> {
  resolve(address: string): F;
  /** What is known of an address that nobody has. */
  resolveUnmatched(address: string): F;
  /** Whether lists name somebody by this text; `finding` is what is known under its address. */
  isListUri(uri: string, address: string, resolution: F): boolean;
  toRecord(uri: string, resolution: F): PresenceRecord;
}

/**
 * Who is told of which address. What may have changed is only marked, and looked at when it is taken: so memory stays the same
 * when nobody takes, a person who changed twice is told once, and one who changed back not at all.
 */
export class SubscriptionIndex<F extends Resolution> {
  /** Rises when other addresses may be watched. */
  version = 0;
  readonly #source: PresenceSource<F>;
  readonly #subscriberSets = new SubscriberSets();
  readonly #chains = new Map<string, WatchedUri>();
  readonly #subscriptions = new Map<string, Subscription>();
  /** Those told of everybody. */
  #allSubscriptions: readonly Subscription[] = [];
  #rank = 0;

  constructor(source: PresenceSource<F>) {
    this.#source = source;
  }

  get hasChanges(): boolean {
    return this.#subscriberSets.hasDirty;
  }

  get hasAllSubscription(): boolean {
    return this.#allSubscriptions.length > 0;
  }

  /** Fault: `tooManySubscriptions`. */
  open(all: boolean): Subscription {
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new Fault(
        "tooManySubscriptions",
        "There are 1,000 live presence subscriptions already.",
        {
          hint: "Unsubscribe those that are no longer needed.",
        },
      );
    }
    this.#rank += 1;
    const subscription = { id: `s${this.#rank}`, rank: this.#rank, all, addresses: [] };
    this.#subscriptions.set(subscription.id, subscription);
    if (all) this.#allSubscriptions = [...this.#allSubscriptions, subscription];
    this.version += 1;
    return subscription;
  }

  /** For the subscription opened last; `finding` is what it is told now. Each spelling once. */
  add(subscription: Subscription, uri: string, address: string, resolution: F): void {
    if (!subscription.all) subscription.addresses.push(address);
    for (
      let watched = this.#chains.get(address) ?? null;
      watched !== null;
      watched = watched.next
    ) {
      if (watched.uri !== uri || !isUpToDate(watched, resolution)) continue;
      this.#move(watched, this.#subscriberSets.extend(watched.subscribers, subscription));
      return;
    }
    this.#insert(uri, address, this.#subscriberSets.extend(null, subscription), resolution);
  }

  /** Somebody is named by this text whom nobody was told of. */
  addToAll(uri: string, address: string): void {
    let members = this.#allSubscriptions;
    for (
      let watched = this.#chains.get(address) ?? null;
      watched !== null;
      watched = watched.next
    ) {
      const { subscribers } = watched;
      if (watched.uri === uri)
        members = members.filter((member) => !subscribers.members.includes(member));
    }
    if (members.length === 0) return;
    this.#subscriberSets.markDirty(
      this.#insert(uri, address, this.#subscriberSets.get(members), null),
    );
  }

  /** Fault: `unknownSubscription`. */
  close(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined)
      throw new Fault("unknownSubscription", "There is no such presence subscription.");
    this.#subscriptions.delete(id);
    this.#allSubscriptions = this.#allSubscriptions.filter((other) => other !== subscription);
    this.version += 1;
    const without = new Map<SubscriberSet, SubscriberSet | null>();
    for (const address of subscription.all ? [...this.#chains.keys()] : subscription.addresses) {
      for (
        let watched = this.#chains.get(address) ?? null;
        watched !== null;
        watched = watched.next
      ) {
        this.#unsubscribe(watched, [subscription], without);
      }
    }
  }

  markChanged(address: string): void {
    for (let watched = this.#chains.get(address) ?? null; watched !== null; watched = watched.next)
      this.#subscriberSets.markDirty(watched);
  }

  markAllChanged(): void {
    for (const address of this.#chains.keys()) this.markChanged(address);
  }

  /** Touches what was last told this way. */
  markLastNotified(value: PresenceValue): void {
    for (const head of this.#chains.values()) {
      for (let watched: WatchedUri | null = head; watched !== null; watched = watched.next) {
        if (watched.lastNotifiedValue === value) this.#subscriberSets.markDirty(watched);
      }
    }
  }

  /** The addresses that some live subscription named. */
  *subscribedAddresses(): Generator<string> {
    for (const [address, head] of this.#chains) {
      for (let watched: WatchedUri | null = head; watched !== null; watched = watched.next) {
        if (!watched.subscribers.includesNamed) continue;
        yield address;
        break;
      }
    }
  }

  isSubscribed(address: string): boolean {
    for (
      let watched = this.#chains.get(address) ?? null;
      watched !== null;
      watched = watched.next
    ) {
      if (watched.subscribers.includesNamed) return true;
    }
    return false;
  }

  drain(max: number): ChangeBatch | null {
    for (const subscribers of this.#subscriberSets.dirty) {
      const changes: PresenceRecord[] = [];
      for (const watched of subscribers.dirty) {
        this.#subscriberSets.clearDirty(watched);
        const change = this.#drainOne(watched);
        if (change !== null) changes.push(change);
        if (changes.length >= max) break;
      }
      if (changes.length > 0) return { subscriptionIds: subscribers.ids, changes };
    }
    return null;
  }

  #drainOne(watched: WatchedUri): PresenceRecord | null {
    let resolution = this.#source.resolve(watched.address);
    if (
      watched.subscribers.includesAll &&
      !this.#source.isListUri(watched.uri, watched.address, resolution)
    ) {
      // Somebody else may have the address: those who named it hear of them, those who are told of everybody have their own text for them.
      if (watched.subscribers.includesNamed) {
        this.#split(watched);
        return null;
      }
      resolution = this.#source.resolveUnmatched(watched.address);
    }
    const isUnannounced = watched.lastNotifiedValue === null && !resolution.isMatched;
    let change: PresenceRecord | null = null;
    if (!isUnannounced && !isUpToDate(watched, resolution)) {
      watched.lastNotifiedValue = resolution.value;
      watched.lastNotifiedStatus = resolution.webexStatus;
      change = this.#source.toRecord(watched.uri, resolution);
      this.#mergeEqual(watched);
    }
    // Those who are told of everybody are told of somebody's end once; after that there is nobody to tell of.
    if (isUnannounced || (!resolution.isMatched && resolution.value === NOT_FOUND)) {
      this.#unsubscribe(watched, this.#allSubscriptions, new Map());
    }
    return change;
  }

  /** Those who are told of everybody, and those who named the text, are told apart from now on. */
  #split(watched: WatchedUri): void {
    const { members } = watched.subscribers;
    const { address, uri, lastNotifiedValue, lastNotifiedStatus } = watched;
    this.#move(watched, this.#subscriberSets.get(members.filter((member) => !member.all)));
    const separate = this.#insert(
      uri,
      address,
      this.#subscriberSets.get(members.filter((member) => member.all)),
      null,
    );
    Object.assign(separate, { lastNotifiedValue, lastNotifiedStatus });
    this.#subscriberSets.markDirty(watched);
    this.#subscriberSets.markDirty(separate);
  }

  /** Audiences that were told differently for a while are one again. */
  #mergeEqual(watched: WatchedUri): void {
    let other = this.#chains.get(watched.address) ?? null;
    while (other !== null) {
      const { next } = other;
      const same = other !== watched && other.uri === watched.uri && !other.dirty;
      if (
        same &&
        other.lastNotifiedValue === watched.lastNotifiedValue &&
        other.lastNotifiedStatus === watched.lastNotifiedStatus
      ) {
        const union = this.#subscriberSets.unite(watched.subscribers, other.subscribers);
        this.#remove(other);
        this.#move(watched, union);
      }
      other = next;
    }
  }

  #insert(
    uri: string,
    address: string,
    subscribers: SubscriberSet,
    resolution: F | null,
  ): WatchedUri {
    const watched: WatchedUri = {
      address,
      uri,
      subscribers,
      lastNotifiedValue: resolution?.value ?? null,
      lastNotifiedStatus: resolution?.webexStatus ?? null,
      dirty: false,
      next: this.#chains.get(address) ?? null,
    };
    this.#chains.set(address, watched);
    this.#subscriberSets.attach(subscribers, watched);
    return watched;
  }

  #move(watched: WatchedUri, subscribers: SubscriberSet): void {
    this.#subscriberSets.detach(watched.subscribers, watched);
    watched.subscribers = subscribers;
    this.#subscriberSets.attach(subscribers, watched);
  }

  #unsubscribe(
    watched: WatchedUri,
    removed: readonly Subscription[],
    known: Map<SubscriberSet, SubscriberSet | null>,
  ): void {
    const from = watched.subscribers;
    let to = known.get(from);
    if (to === undefined) {
      const remaining = from.members.filter((member) => !removed.includes(member));
      to =
        remaining.length === from.members.length
          ? from
          : remaining.length === 0
            ? null
            : this.#subscriberSets.get(remaining);
      known.set(from, to);
    }
    if (to === null) this.#remove(watched);
    else if (to !== from) this.#move(watched, to);
  }

  #remove(watched: WatchedUri): void {
    this.#subscriberSets.detach(watched.subscribers, watched);
    const head = this.#chains.get(watched.address);
    if (head === watched) {
      if (watched.next === null) this.#chains.delete(watched.address);
      else this.#chains.set(watched.address, watched.next);
      return;
    }
    let before = head;
    while (before !== undefined && before.next !== watched) before = before.next ?? undefined;
    if (before !== undefined) before.next = watched.next;
  }
}

function isUpToDate(watched: WatchedUri, resolution: Resolution): boolean {
  return (
    watched.lastNotifiedValue === resolution.value &&
    watched.lastNotifiedStatus === resolution.webexStatus
  );
}
