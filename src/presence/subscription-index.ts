import { Fault } from "../faults/fault.js";
import { readingsOf } from "./address.js";
import type { ChangeBatch } from "./presence-service.js";
import { INVALID_URI, NOT_FOUND, type PresenceRecord, type PresenceValue } from "./record.js";
import type { Match, Resolver } from "./resolver.js";

const MAX_SUBSCRIPTIONS = 1000;

/** One live `presence/subscribe`. */
interface Subscription {
  readonly id: string;
  /** Rises with each subscription. */
  readonly rank: number;
  /** Elapsed milliseconds. */
  readonly openedAt: number;
  /** Whether it covers everybody, or only the addresses that it names. */
  readonly isAll: boolean;
  /** The keys of the addresses that it names. */
  readonly keys: string[];
}

/** One spelling of an address, and what its subscribers were last notified of. */
interface WatchedUri {
  /** See `addressKey`. */
  readonly key: string;
  readonly uri: string;
  subscribers: SubscriberSet;
  /** Null until the first notification. */
  lastNotifiedValue: PresenceValue | null;
  lastNotifiedStatus: string | null;
  isDirty: boolean;
  /** The next spelling with the same key. */
  next: WatchedUri | undefined;
}

/**
 * Finds the subscriptions to notify of a change. A change only marks its URIs as dirty; their
 * presence is compared with the last notification when changes are drained. So memory stays bounded
 * if nobody drains, somebody who changed twice is reported once, and somebody who changed back not
 * at all.
 */
export class SubscriptionIndex {
  readonly #resolver: Resolver;
  readonly #sets = new SubscriberSets();
  /** By key: a linked list of its spellings. */
  readonly #spellings = new Map<string, WatchedUri>();
  /** By address: the other keys that have it as a reading. */
  readonly #ambiguousKeys = new Map<string, Set<string>>();
  readonly #subscriptions = new Map<string, Subscription>();
  #allSubscriptions: readonly Subscription[] = [];
  #lastRank = 0;
  #version = 0;

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Rises when other addresses may be watched. */
  get version(): number {
    return this.#version;
  }

  get hasChanges(): boolean {
    return this.#sets.dirty.size > 0;
  }

  get hasAllSubscription(): boolean {
    return this.#allSubscriptions.length > 0;
  }

  /** Throws `Fault` `tooManySubscriptions`. */
  open(isAll: boolean, now: number): Subscription {
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new Fault(
        "tooManySubscriptions",
        "There are already 1,000 live presence subscriptions.",
        { hint: "Unsubscribe those that are no longer needed." },
      );
    }
    const rank = (this.#lastRank += 1);
    const subscription = { id: `s${rank}`, rank, openedAt: now, isAll, keys: [] };
    this.#subscriptions.set(subscription.id, subscription);
    if (isAll) this.#allSubscriptions = [...this.#allSubscriptions, subscription];
    this.#version += 1;
    return subscription;
  }

  /** Adds a URI to the latest subscription, once for each spelling; `match` is its first state. */
  add(subscription: Subscription, uri: string, key: string, match: Match): void {
    if (!subscription.isAll) subscription.keys.push(key);
    for (let watched = this.#spellings.get(key); watched; watched = watched.next) {
      if (watched.uri !== uri || !isUpToDate(watched, match)) continue;
      this.#move(watched, this.#sets.extend(watched.subscribers, subscription));
      return;
    }
    const { value, webexStatus } = match;
    this.#insert(uri, key, this.#sets.extend(null, subscription), value, webexStatus);
  }

  /** Adds a URI that lists now name a person by to the subscriptions that cover everybody. */
  addToAll(uri: string, key: string): void {
    let members = this.#allSubscriptions;
    for (let watched = this.#spellings.get(key); watched; watched = watched.next) {
      const { subscribers } = watched;
      if (watched.uri !== uri) continue;
      members = members.filter((member) => !subscribers.members.includes(member));
    }
    if (members.length === 0) return;
    this.#sets.markDirty(this.#insert(uri, key, this.#sets.get(members), null, null));
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
    const { isAll, keys } = subscription;
    for (const key of isAll ? [...this.#spellings.keys()] : keys) {
      for (let watched = this.#spellings.get(key); watched; watched = watched.next) {
        this.#unsubscribe(watched, [subscription], reduced);
      }
    }
  }

  markChanged(address: string): void {
    this.#markSpellings(address);
    for (const key of this.#ambiguousKeys.get(address) ?? []) this.#markSpellings(key);
  }

  markAllChanged(): void {
    for (const key of this.#spellings.keys()) this.#markSpellings(key);
  }

  /** Marks the URIs whose subscribers were last notified of this value. */
  markLastNotified(value: PresenceValue): void {
    for (const first of this.#spellings.values()) {
      for (let watched: WatchedUri | undefined = first; watched; watched = watched.next) {
        if (watched.lastNotifiedValue === value) this.#sets.markDirty(watched);
      }
    }
  }

  /** The keys that a live subscription names. */
  *subscribedKeys(): Generator<string> {
    for (const key of this.#spellings.keys()) if (this.isSubscribed(key)) yield key;
  }

  /** Returns whether a live subscription names the key. */
  isSubscribed(key: string): boolean {
    for (let watched = this.#spellings.get(key); watched; watched = watched.next) {
      if (watched.subscribers.includesNamed) return true;
    }
    return false;
  }

  /** Returns when the oldest live subscription that names the key was opened; infinity: none. */
  subscribedSince(key: string): number {
    let since = Number.POSITIVE_INFINITY;
    for (let watched = this.#spellings.get(key); watched; watched = watched.next) {
      // Members are in the order in which they were opened.
      const oldest = watched.subscribers.members.find((member) => !member.isAll);
      since = Math.min(since, oldest?.openedAt ?? Number.POSITIVE_INFINITY);
    }
    return since;
  }

  /** Returns up to `max` changes that concern the same subscriptions, or null if there are none. */
  drain(max: number, now: number): ChangeBatch | null {
    for (const subscribers of this.#sets.dirty) {
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
    const { key, uri, subscribers } = watched;
    let match = this.#resolver.resolve(key, now);
    if (subscribers.includesAll && !this.#resolver.isListUri(uri, key, match)) {
      // A person may have the address, but lists use another URI for that person. It concerns the
      // subscriptions that name the address; those that cover everybody have the list's URI.
      if (subscribers.includesNamed) {
        this.#split(watched);
        return null;
      }
      match = this.#resolver.resolveUnmatched(key, now);
    }
    const isUnannounced = watched.lastNotifiedValue === null && match.store === null;
    let change: PresenceRecord | null = null;
    if (!isUnannounced && !isUpToDate(watched, match)) {
      watched.lastNotifiedValue = match.value;
      watched.lastNotifiedStatus = match.webexStatus;
      change = this.#resolver.toRecord(uri, match);
      this.#mergeEqual(watched, match);
    }
    // Subscriptions that cover everybody are notified once that a URI has ceased to exist.
    const hasCeased = match.value === NOT_FOUND || match.value === INVALID_URI;
    if (isUnannounced || (match.store === null && hasCeased)) {
      this.#unsubscribe(watched, this.#allSubscriptions, new Map());
    }
    return change;
  }

  /** Separates subscriptions that name the address from those that cover everybody. */
  #split(watched: WatchedUri): void {
    const { members } = watched.subscribers;
    const { key, uri, lastNotifiedValue, lastNotifiedStatus } = watched;
    this.#move(watched, this.#sets.get(members.filter((member) => !member.isAll)));
    const all = this.#sets.get(members.filter((member) => member.isAll));
    const separate = this.#insert(uri, key, all, lastNotifiedValue, lastNotifiedStatus);
    this.#sets.markDirty(watched);
    this.#sets.markDirty(separate);
  }

  /** Reunites sets of subscribers whose latest notifications are equal again. */
  #mergeEqual(watched: WatchedUri, match: Match): void {
    const { uri, key } = watched;
    for (let other = this.#spellings.get(key); other; other = other.next) {
      if (other === watched || other.uri !== uri || other.isDirty) continue;
      if (!isUpToDate(other, match)) continue;
      const members = [...watched.subscribers.members, ...other.subscribers.members];
      const union = this.#sets.get(members.sort((a, b) => a.rank - b.rank));
      this.#remove(other);
      this.#move(watched, union);
    }
  }

  #markSpellings(key: string): void {
    for (let watched = this.#spellings.get(key); watched; watched = watched.next) {
      this.#sets.markDirty(watched);
    }
  }

  #insert(
    uri: string,
    key: string,
    subscribers: SubscriberSet,
    lastNotifiedValue: PresenceValue | null,
    lastNotifiedStatus: string | null,
  ): WatchedUri {
    const watched: WatchedUri = {
      key,
      uri,
      subscribers,
      lastNotifiedValue,
      lastNotifiedStatus,
      isDirty: false,
      next: this.#spellings.get(key),
    };
    if (watched.next === undefined) this.#addAmbiguousKey(key);
    this.#spellings.set(key, watched);
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
    const { key, next } = watched;
    this.#sets.detach(watched.subscribers, watched);
    let previous = this.#spellings.get(key);
    if (previous === watched) {
      if (next === undefined) this.#forgetKey(key);
      else this.#spellings.set(key, next);
      return;
    }
    while (previous !== undefined && previous.next !== watched) previous = previous.next;
    if (previous !== undefined) previous.next = next;
  }

  #addAmbiguousKey(key: string): void {
    for (const address of readingsOf(key)) {
      if (address === key) return;
      const keys = this.#ambiguousKeys.get(address);
      if (keys === undefined) this.#ambiguousKeys.set(address, new Set([key]));
      else keys.add(key);
    }
  }

  #forgetKey(key: string): void {
    this.#spellings.delete(key);
    for (const address of readingsOf(key)) {
      const keys = this.#ambiguousKeys.get(address);
      keys?.delete(key);
      if (keys?.size === 0) this.#ambiguousKeys.delete(address);
    }
  }
}

/** Returns whether the latest notification said the same as `match`. */
function isUpToDate(watched: WatchedUri, { value, webexStatus }: Match): boolean {
  return watched.lastNotifiedValue === value && watched.lastNotifiedStatus === webexStatus;
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

/** The sets of subscribers in use. */
class SubscriberSets {
  /** The sets with dirty URIs. */
  readonly dirty = new Set<SubscriberSet>();
  readonly #inUse = new Map<string, SubscriberSet>();
  #lastExtension: {
    readonly member: Subscription;
    readonly from: SubscriberSet | null;
    readonly to: SubscriberSet;
  } | null = null;

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
    this.dirty.add(subscribers);
  }

  #deleteDirty(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.dirtyUris.delete(watched);
    if (subscribers.dirtyUris.size === 0) this.dirty.delete(subscribers);
  }
}
