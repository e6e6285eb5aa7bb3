import type { PresenceValue } from "./state-table.js";

/** One live `presence/subscribe`. */
export interface Subscription {
  readonly id: string;
  /** Order of creation. */
  readonly rank: number;
  /** Told of everybody, whoever comes. */
  readonly all: boolean;
  /** Where its entries are, for one that named addresses. */
  readonly addresses: string[];
}

/** One spelling of an address, and what its audience was last told of it. The spellings of one address form a chain. */
export interface WatchedUri {
  readonly address: string;
  readonly uri: string;
  subscribers: SubscriberSet;
  /** Null until the audience was told anything. */
  lastNotifiedValue: PresenceValue | null;
  lastNotifiedStatus: string | null;
  dirty: boolean;
  next: WatchedUri | null;
}

/** A set of subscriptions that are told the same together. There is one object for each set in use. */
export class SubscriberSet {
  readonly key: string;
  /** In order of creation. */
  readonly members: readonly Subscription[];
  readonly ids: readonly string[];
  /** Whether a subscription among them named its addresses. */
  readonly includesNamed: boolean;
  /** Whether a subscription among them is told of everybody. */
  readonly includesAll: boolean;
  readonly dirty = new Set<WatchedUri>();
  uriCount = 0;

  constructor(key: string, members: readonly Subscription[]) {
    this.key = key;
    this.members = members;
    this.ids = members.map((member) => member.id);
    this.includesNamed = members.some((member) => !member.all);
    this.includesAll = members.some((member) => member.all);
  }
}

/** Keeps one audience for each set, and which of them have something to be told. */
export class SubscriberSets {
  readonly #inUse = new Map<string, SubscriberSet>();
  readonly #dirty = new Set<SubscriberSet>();
  readonly #lastExtended = new Map<
    Subscription,
    { from: SubscriberSet | null; to: SubscriberSet }
  >();

  /** The audiences with dirty entries. */
  get dirty(): Iterable<SubscriberSet> {
    return this.#dirty;
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0;
  }

  get(members: readonly Subscription[]): SubscriberSet {
    const key = members.map((member) => member.rank).join();
    return this.#inUse.get(key) ?? new SubscriberSet(key, members);
  }

  /** `from` and one more, who came last. */
  extend(from: SubscriberSet | null, member: Subscription): SubscriberSet {
    const last = this.#lastExtended.get(member);
    if (last?.from === from && this.#inUse.get(last.to.key) === last.to) return last.to;
    const to = this.get(from === null ? [member] : [...from.members, member]);
    this.#lastExtended.clear();
    this.#lastExtended.set(member, { from, to });
    return to;
  }

  unite(one: SubscriberSet, other: SubscriberSet): SubscriberSet {
    return this.get([...one.members, ...other.members].sort((a, b) => a.rank - b.rank));
  }

  attach(subscribers: SubscriberSet, watched: WatchedUri): void {
    if (subscribers.uriCount === 0) this.#inUse.set(subscribers.key, subscribers);
    subscribers.uriCount += 1;
    if (watched.dirty) this.#addDirty(subscribers, watched);
  }

  detach(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.uriCount -= 1;
    if (watched.dirty) this.#removeDirty(subscribers, watched);
    if (subscribers.uriCount === 0) this.#inUse.delete(subscribers.key);
  }

  markDirty(watched: WatchedUri): void {
    if (watched.dirty) return;
    watched.dirty = true;
    this.#addDirty(watched.subscribers, watched);
  }

  clearDirty(watched: WatchedUri): void {
    watched.dirty = false;
    this.#removeDirty(watched.subscribers, watched);
  }

  #addDirty(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.dirty.add(watched);
    this.#dirty.add(subscribers);
  }

  #removeDirty(subscribers: SubscriberSet, watched: WatchedUri): void {
    subscribers.dirty.delete(watched);
    if (subscribers.dirty.size === 0) this.#dirty.delete(subscribers);
  }
}
