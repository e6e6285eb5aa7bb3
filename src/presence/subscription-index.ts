import { Fault } from "../faults/fault.js";
import type { ChangeBatch } from "./presence-service.js";
import { NOT_FOUND, type PresenceRecord, type PresenceValue } from "./record.js";

const MAX_SUBSCRIPTIONS = 1000;

/** The presence of an address at one moment. */
export interface Resolution {
  readonly value: PresenceValue;
  readonly webexStatus: string | null;
  /** Whether a person has the address. */
  readonly isMatched: boolean;
}

export interface PresenceSource<R extends Resolution> {
  resolve(address: string, now: number): R;
  /** Resolves the address as one that nobody has. */
  resolveUnmatched(address: string, now: number): R;
  /** Returns whether lists name a person by this URI; `resolution` is that of its address. */
  isListUri(uri: string, address: string, resolution: R): boolean;
  toRecord(uri: string, resolution: R): PresenceRecord;
}

/** One live `presence/subscribe`. */
export interface Subscription {
  readonly id: string;
  /** Rises with each subscription. */
  readonly rank: number;
  /** Whether it covers everybody, or only the addresses that it names. */
  readonly isAll: boolean;
  /** The addresses that it names. */
  readonly addresses: string[];
}

/** One spelling of an address, and what its subscribers were last notified of. */
interface WatchedUri {
  readonly address: string;
  readonly uri: string;
  subscribers: SubscriberSet;
  /** Null until the first notification. */
  lastNotifiedValue: PresenceValue | null;
  lastNotifiedStatus: string | null;
  isDirty: boolean;
  /** The next spelling of the same address. */
  next: WatchedUri | null;
}

/**
 * Finds the subscriptions to notify of a change. A change only marks its URIs as dirty; their
 * presence is compared with the last notification when changes are drained. So memory stays bounded
 * if nobody drains, somebody who changed twice is reported once, and somebody who changed back not
 * at all.
 */
export class SubscriptionIndex<R extends Resolution> {
  readonly #source: PresenceSource<R>;
  readonly #sets = new SubscriberSets();
  /** By address: a linked list of its spellings. */
  readonly #spellings = new Map<string, WatchedUri>();
  readonly #subscriptions = new Map<string, Subscription>();
  #allSubscriptions: readonly Subscription[] = [];
  #lastRank = 0;
  #version = 0;

  constructor(source: PresenceSource<R>) {
    this.#source = source;
  }

  /** Rises when other addresses may be watched. */
  get version(): number {
    return this.#version;
  }

  get hasChanges(): boolean {
    return this.#sets.hasDirty;
  }

  get hasAllSubscription(): boolean {
    return this.#allSubscriptions.length > 0;
  }

  /** Throws `Fault` `tooManySubscriptions`. */
  open(isAll: boolean): Subscription {
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new Fault(
        "tooManySubscriptions",
        "There are already 1,000 live presence subscriptions.",
        { hint: "Unsubscribe those that are no longer needed." },
      );
    }
    this.#lastRank += 1;
    const rank = this.#lastRank;
    const subscription = { id: `s${rank}`, rank, isAll, addresses: [] };
    this.#subscriptions.set(subscription.id, subscription);
    if (isAll) this.#allSubscriptions = [...this.#allSubscriptions, subscription];
    this.#version += 1;
    return subscription;
  }

  /**
   * Adds a URI to the latest subscription, once for each spelling; `resolution` is its first state.
   */
  add(subscription: Subscription, uri: string, address: string, resolution: R): void {
    if (!subscription.isAll) subscription.addresses.push(address);
    for (let watched = this.#first(address); watched !== null; watched = watched.next) {
      if (watched.uri !== uri || !isUpToDate(watched, resolution)) continue;
      this.#move(watched, this.#sets.extend(watched.subscribers, subscription));
      return;
    }
    const { value, webexStatus } = resolution;
    this.#insert(uri, address, this.#sets.extend(null, subscription), value, webexStatus);
  }

  /** Adds a URI that lists now name a person by to the subscriptions that cover everybody. */
  addToAll(uri: string, address: string): void {
    let members = this.#allSubscriptions;
    for (let watched = this.#first(address); watched !== null; watched = watched.next) {
      const { subscribers } = watched;
      if (watched.uri !== uri) continue;
      members = members.filter((member) => !subscribers.members.includes(member));
    }
    if (members.length === 0) return;
    this.#sets.markDirty(this.#insert(uri, address, this.#sets.get(members), null, null));
  }

  /** Throws `Fault` `unknownSubscription`. */
  close(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) {
      throw new Fault("unknownSubscription", "There is no such presence subscription.");
    }
    this.#subscriptions.delete(id);
    this.#allSubscriptions = this.#allSubscriptions.filter((other) => other !== subscription);
    this.#version += 1;
    const reduced = new Map<SubscriberSet, SubscriberSet | null>();
    const { isAll, addresses } = subscription;
    for (const address of isAll ? [...this.#spellings.keys()] : addresses) {
      for (let watched = this.#first(address); watched !== null; watched = watched.next) {
        this.#unsubscribe(watched, [subscription], reduced);
      }
    }
  }

  markChanged(address: string): void {
    for (let watched = this.#first(address); watched !== null; watched = watched.next) {
      this.#sets.markDirty(watched);
    }
  }

  markAllChanged(): void {
    for (const address of this.#spellings.keys()) this.markChanged(address);
  }

  /** Marks the URIs whose subscribers were last notified of this value. */
  markLastNotified(value: PresenceValue): void {
    for (const first of this.#spellings.values()) {
      for (let watched: WatchedUri | null = first; watched !== null; watched = watched.next) {
        if (watched.lastNotifiedValue === value) this.#sets.markDirty(watched);
      }
    }
  }

  /** The addresses that a live subscription names. */
  *subscribedAddresses(): Generator<string> {
    for (const address of this.#spellings.keys()) if (this.isSubscribed(address)) yield address;
  }

  /** Returns whether a live subscription names the address. */
  isSubscribed(address: string): boolean {
    for (let watched = this.#first(address); watched !== null; watched = watched.next) {
      if (watched.subscribers.includesNamed) return true;
    }
    return false;
  }

  /** Returns up to `max` changes that concern the same subscriptions, or null if there are none. */
  drain(max: number, now: number): ChangeBatch | null {
    for (const subscribers of this.#sets.dirtySets) {
      const changes: PresenceRecord[] = [];
      for (const watched of subscribers.dirtyUris) {
        this.#sets.clearDirty(watched);
        const change = this.#drainUri(watched, now);
        if (change !== null) changes.push(change);
        if (changes.length >= max) break;
      }
      if (changes.length > 0) return { subscriptionIds: subscribers.ids, changes };
    }
    return null;
  }

  #drainUri(watched: WatchedUri, now: number): PresenceRecord | null {
    const { address, uri, subscribers } = watched;
    let resolution = this.#source.resolve(address, now);
    if (subscribers.includesAll && !this.#source.isListUri(uri, address, resolution)) {
      // A person may have the address, but lists use another URI for that person. It concerns the
      // subscriptions that name the address; those that cover everybody have the list's URI.
      if (subscribers.includesNamed) {
        this.#split(watched);
        return null;
      }
      resolution = this.#source.resolveUnmatched(address, now);
    }
    const isUnannounced = watched.lastNotifiedValue === null && !resolution.isMatched;
    let change: PresenceRecord | null = null;
    if (!isUnannounced && !isUpToDate(watched, resolution)) {
      watched.lastNotifiedValue = resolution.value;
      watched.lastNotifiedStatus = resolution.webexStatus;
      change = this.#source.toRecord(uri, resolution);
      this.#mergeEqual(watched);
    }
    // Subscriptions that cover everybody are notified once that a URI has ceased to exist.
    if (isUnannounced || (!resolution.isMatched && resolution.value === NOT_FOUND)) {
      this.#unsubscribe(watched, this.#allSubscriptions, new Map());
    }
    return change;
  }

  /** Separates subscriptions that name the address from those that cover everybody. */
  #split(watched: WatchedUri): void {
    const { members } = watched.subscribers;
    const { address, uri, lastNotifiedValue, lastNotifiedStatus } = watched;
    this.#move(watched, this.#sets.get(members.filter((member) => !member.isAll)));
    const all = this.#sets.get(members.filter((member) => member.isAll));
    const separate = this.#insert(uri, address, all, lastNotifiedValue, lastNotifiedStatus);
    this.#sets.markDirty(watched);
    this.#sets.markDirty(separate);
  }

  /** Reunites sets of subscribers whose latest notifications are equal again. */
  #mergeEqual(watched: WatchedUri): void {
    let other = this.#first(watched.address);
    while (other !== null) {
      const { next } = other;
      const isEqual =
        other !== watched &&
        other.uri === watched.uri &&
        !other.isDirty &&
        other.lastNotifiedValue === watched.lastNotifiedValue &&
        other.lastNotifiedStatus === watched.lastNotifiedStatus;
      if (isEqual) {
        const union = this.#sets.unite(watched.subscribers, other.subscribers);
        this.#remove(other);
        this.#move(watched, union);
      }
      other = next;
    }
  }

  #first(address: string): WatchedUri | null {
    return this.#spellings.get(address) ?? null;
  }

  #insert(
    uri: string,
    address: string,
    subscribers: SubscriberSet,
    lastNotifiedValue: PresenceValue | null,
    lastNotifiedStatus: string | null,
  ): WatchedUri {
    const watched: WatchedUri = {
      address,
      uri,
      subscribers,
      lastNotifiedValue,
      lastNotifiedStatus,
      isDirty: false,
      next: this.#first(address),
    };
    this.#spellings.set(address, watched);
    this.#sets.attach(subscribers, watched);
    return watched;
  }

  #move(watched: WatchedUri, subscribers: SubscriberSet): void {
    this.#sets.detach(watched.subscribers, watched);
    watched.subscribers = subscribers;
    this.#sets.attach(subscribers, watched);
  }

  /** `reduced` caches the result for each set of subscribers; null means that nobody remains. */
  #unsubscribe(
    watched: WatchedUri,
    removed: readonly Subscription[],
    reduced: Map<SubscriberSet, SubscriberSet | null>,
  ): void {
    const from = watched.subscribers;
    let to = reduced.get(from);
    if (to === undefined) {
      const remaining = from.members.filter((member) => !removed.includes(member));
      to = remaining.length === 0 ? null : this.#sets.get(remaining);
      reduced.set(from, to);
    }
    if (to === null) this.#remove(watched);
    else if (to !== from) this.#move(watched, to);
  }

  #remove(watched: WatchedUri): void {
    const { address, next } = watched;
    this.#sets.detach(watched.subscribers, watched);
    let previous = this.#first(address);
    if (previous === watched) {
      if (next === null) this.#spellings.delete(address);
      else this.#spellings.set(address, next);
      return;
    }
    while (previous !== null && previous.next !== watched) previous = previous.next;
    if (previous !== null) previous.next = next;
  }
}

function isUpToDate(watched: WatchedUri, resolution: Resolution): boolean {
  return (
    watched.lastNotifiedValue === resolution.value &&
    watched.lastNotifiedStatus === resolution.webexStatus
  );
}

/** Subscriptions that are notified together. There is one object for each set in use. */
class SubscriberSet {
  readonly key: string;
  /** By rank. */
  readonly members: readonly Subscription[];
  readonly ids: readonly string[];
  /** Whether a member names its addresses. */
  readonly includesNamed: boolean;
  /** Whether a member covers everybody. */
  readonly includesAll: boolean;
  readonly dirtyUris = new Set<WatchedUri>();
  uriCount = 0;

  constructor(key: string, members: readonly Subscription[]) {
    this.key = key;
    this.members = members;
    this.ids = members.map((member) => member.id);
    this.includesNamed = members.some((member) => !member.isAll);
    this.includesAll = members.some((member) => member.isAll);
  }
}

/** Interns the sets of subscribers, and tracks which of them have dirty URIs. */
class SubscriberSets {
  readonly #inUse = new Map<string, SubscriberSet>();
  readonly #dirty = new Set<SubscriberSet>();
  #lastExtension: {
    readonly member: Subscription;
    readonly from: SubscriberSet | null;
    readonly to: SubscriberSet;
  } | null = null;

  get dirtySets(): Iterable<SubscriberSet> {
    return this.#dirty;
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0;
  }

  get(members: readonly Subscription[]): SubscriberSet {
    const key = members.map((member) => member.rank).join();
    return this.#inUse.get(key) ?? new SubscriberSet(key, members);
  }

  /**
   * Returns `from` with the latest subscription added. Successive URIs mostly need the same set.
   */
  extend(from: SubscriberSet | null, member: Subscription): SubscriberSet {
    const last = this.#lastExtension;
    if (last?.member === member && last.from === from && this.#inUse.get(last.to.key) === last.to) {
      return last.to;
    }
    const to = this.get(from === null ? [member] : [...from.members, member]);
    this.#lastExtension = { member, from, to };
    return to;
  }

  unite(one: SubscriberSet, other: SubscriberSet): SubscriberSet {
    return this.get([...one.members, ...other.members].sort((a, b) => a.rank - b.rank));
  }

  attach(subscribers: SubscriberSet, watched: WatchedUri): void {
    if (subscribers.uriCount === 0) this.#inUse.set(subscribers.key, subscribers);
    subscribers.uriCount += 1;
    if (watched.isDirty) this.#addDirty(subscribers, watched);
  }

  detach(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.uriCount -= 1;
    if (watched.isDirty) this.#deleteDirty(subscribers, watched);
    if (subscribers.uriCount === 0) this.#inUse.delete(subscribers.key);
  }

  markDirty(watched: WatchedUri): void {
    if (watched.isDirty) return;
    watched.isDirty = true;
    this.#addDirty(watched.subscribers, watched);
  }

  clearDirty(watched: WatchedUri): void {
    watched.isDirty = false;
    this.#deleteDirty(watched.subscribers, watched);
  }

  #addDirty(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.dirtyUris.add(watched);
    this.#dirty.add(subscribers);
  }

  #deleteDirty(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.dirtyUris.delete(watched);
    if (subscribers.dirtyUris.size === 0) this.#dirty.delete(subscribers);
  }
}
