import type { Outlook } from "./state-table.js";

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
export interface WatchEntry {
  readonly address: string;
  readonly uri: string;
  audience: Audience;
  /** Null until the audience was told anything. */
  toldOutlook: Outlook | null;
  toldStatus: string | null;
  dirty: boolean;
  next: WatchEntry | null;
}

/** A set of subscriptions that are told the same together. There is one object for each set in use. */
export class Audience {
  readonly key: string;
  /** In order of creation. */
  readonly members: readonly Subscription[];
  readonly ids: readonly string[];
  /** Whether a subscription among them named its addresses. */
  readonly byName: boolean;
  /** Whether a subscription among them is told of everybody. */
  readonly ofAll: boolean;
  readonly dirty = new Set<WatchEntry>();
  entries = 0;

  constructor(key: string, members: readonly Subscription[]) {
    this.key = key;
    this.members = members;
    this.ids = members.map((member) => member.id);
    this.byName = members.some((member) => !member.all);
    this.ofAll = members.some((member) => member.all);
  }
}

/** Keeps one audience for each set, and which of them have something to be told. */
export class Audiences {
  readonly #inUse = new Map<string, Audience>();
  readonly #dirty = new Set<Audience>();
  readonly #lastWith = new Map<Subscription, { from: Audience | null; to: Audience }>();

  /** The audiences with dirty entries. */
  get dirty(): Iterable<Audience> {
    return this.#dirty;
  }

  get anyDirty(): boolean {
    return this.#dirty.size > 0;
  }

  of(members: readonly Subscription[]): Audience {
    const key = members.map((member) => member.rank).join();
    return this.#inUse.get(key) ?? new Audience(key, members);
  }

  /** `from` and one more, who came last. */
  with(from: Audience | null, member: Subscription): Audience {
    const last = this.#lastWith.get(member);
    if (last?.from === from && this.#inUse.get(last.to.key) === last.to) return last.to;
    const to = this.of(from === null ? [member] : [...from.members, member]);
    this.#lastWith.clear();
    this.#lastWith.set(member, { from, to });
    return to;
  }

  union(one: Audience, other: Audience): Audience {
    return this.of([...one.members, ...other.members].sort((a, b) => a.rank - b.rank));
  }

  enter(audience: Audience, entry: WatchEntry): void {
    if (audience.entries === 0) this.#inUse.set(audience.key, audience);
    audience.entries += 1;
    if (entry.dirty) this.#addDirty(audience, entry);
  }

  leave(audience: Audience, entry: WatchEntry): void {
    audience.entries -= 1;
    if (entry.dirty) this.#removeDirty(audience, entry);
    if (audience.entries === 0) this.#inUse.delete(audience.key);
  }

  mark(entry: WatchEntry): void {
    if (entry.dirty) return;
    entry.dirty = true;
    this.#addDirty(entry.audience, entry);
  }

  unmark(entry: WatchEntry): void {
    entry.dirty = false;
    this.#removeDirty(entry.audience, entry);
  }

  #addDirty(audience: Audience, entry: WatchEntry): void {
    audience.dirty.add(entry);
    this.#dirty.add(audience);
  }

  #removeDirty(audience: Audience, entry: WatchEntry): void {
    audience.dirty.delete(entry);
    if (audience.dirty.size === 0) this.#dirty.delete(audience);
  }
}
