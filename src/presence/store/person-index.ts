import { toIdKey, type PersonColumns } from "./person-columns.js";

/**
 * Finds the slot of a person by id and by address, within one organization. If several persons have
 * an address, the one who had it first is found, for as long as that person has it.
 */
export class PersonIndex {
  readonly #columns: PersonColumns;
  readonly #ids: SlotIndex;
  readonly #addresses: SlotIndex;
  /** Addresses of several persons: their slots. The first is the one that is found. */
  readonly #sharedAddresses = new Map<string, Set<number>>();

  constructor(columns: PersonColumns) {
    this.#columns = columns;
    this.#ids = new SlotIndex({
      has: (slot, key) => columns.hasIdKey(slot, key),
      forEach: (visit) => columns.forEachSlot((slot) => visit(toIdKey(columns.idOf(slot)), slot)),
    });
    this.#addresses = new SlotIndex({
      has: (slot, address) => columns.hasAddress(slot, address),
      forEach: (visit) =>
        columns.forEachSlot((slot) => {
          for (const address of columns.addressesOf(slot)) {
            const owners = this.#sharedAddresses.get(address);
            if (owners === undefined || firstOf(owners) === slot) visit(address, slot);
          }
        }),
    });
  }

  /** Returns the slot, or -1. */
  findById(id: string): number {
    return this.#ids.find(toIdKey(id));
  }

  /** Returns the slot, or -1. `address` is normalized. */
  findByAddress(address: string): number {
    return this.#addresses.find(address);
  }

  /** Returns the slots of all persons who have the address. */
  ownersOf(address: string): readonly number[] {
    const owners = this.#sharedAddresses.get(address);
    if (owners !== undefined) return [...owners];
    const found = this.#addresses.find(address);
    return found === -1 ? [] : [found];
  }

  /**
   * Reserves space for so many addresses. Call it before columns and index begin to differ: growing
   * rebuilds the index from the columns.
   */
  reserve(addresses: number): void {
    this.#addresses.reserve(addresses);
  }

  /** Call it before the slot has a text. */
  addId(id: string, slot: number): void {
    this.#ids.reserve(1);
    this.#ids.insert(toIdKey(id), slot);
  }

  removeId(id: string, slot: number): void {
    this.#ids.remove(toIdKey(id), slot);
  }

  /** Call it before the slot's text contains the address, or the slot counts as its first owner. */
  addAddress(address: string, slot: number): void {
    const owners = this.#sharedAddresses.get(address);
    if (owners !== undefined) {
      owners.add(slot);
      return;
    }
    const owner = this.#addresses.find(address);
    if (owner === -1) this.#addresses.insert(address, slot);
    else this.#sharedAddresses.set(address, new Set([owner, slot]));
  }

  removeAddress(address: string, slot: number): void {
    const owners = this.#sharedAddresses.get(address);
    if (owners === undefined) {
      this.#addresses.remove(address, slot);
      return;
    }
    const wasFirst = firstOf(owners) === slot;
    owners.delete(slot);
    if (wasFirst) this.#transfer(address, slot, firstOf(owners));
    if (owners.size === 1) this.#sharedAddresses.delete(address);
  }

  /** Makes this owner of the address the one that is found. Returns whether it was another. */
  preferOwner(address: string, slot: number): boolean {
    const owners = this.#sharedAddresses.get(address);
    if (owners === undefined || firstOf(owners) === slot) return false;
    this.#addresses.reserve(1);
    this.#transfer(address, firstOf(owners), slot);
    owners.delete(slot);
    this.#sharedAddresses.set(address, new Set([slot, ...owners]));
    return true;
  }

  /**
   * Prefers owners whom the latest sweeps saw, so that an address that moved to another person is
   * found there before its former owner is removed. Returns the addresses that moved.
   */
  preferPresentOwners(): readonly string[] {
    const { missedSweeps } = this.#columns;
    const missed = (slot: number): number => missedSweeps[slot] ?? 0;
    const moved: string[] = [];
    for (const [address, owners] of this.#sharedAddresses) {
      const previous = firstOf(owners);
      let best = previous;
      for (const slot of owners) if (missed(slot) < missed(best)) best = slot;
      if (best !== previous && this.preferOwner(address, best)) moved.push(address);
    }
    return moved;
  }

  #transfer(address: string, from: number, to: number): void {
    this.#addresses.remove(address, from);
    this.#addresses.insert(address, to);
  }
}

/** Sets are in order of insertion. */
function firstOf(owners: ReadonlySet<number>): number {
  for (const slot of owners) return slot;
  return -1;
}

// An entry of the hash table is 32 bits: the slot plus 2 in the low 22, and above them 10 bits of
// the key's hash, which save most comparisons of texts.
const SLOT_BITS = 22;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const EMPTY = 0;
const DELETED = 1;
const FIRST_SLOT = 2;
const MAX_LOAD = 0.75;
const MIN_CAPACITY = 64;

interface SlotKeys {
  /** Returns whether `key` is a key of the slot. */
  has(slot: number, key: string): boolean;
  /** Visits every key that belongs in the index, to rebuild it. */
  forEach(visit: (key: string, slot: number) => void): void;
}

/**
 * A hash table from text to slot: open addressing in one typed array, about 10 bytes a key. It
 * holds no texts; their owner compares them.
 */
export class SlotIndex {
  readonly #keys: SlotKeys;
  #entries = new Uint32Array(MIN_CAPACITY);
  #live = 0;
  #deleted = 0;

  constructor(keys: SlotKeys) {
    this.#keys = keys;
  }

  /** Returns the slot, or -1. */
  find(key: string): number {
    const entries = this.#entries;
    const mask = entries.length - 1;
    const hash = hashOf(key);
    const fingerprint = hash >>> SLOT_BITS;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = entries[at] ?? EMPTY;
      if (entry === EMPTY) return -1;
      if (entry >>> SLOT_BITS !== fingerprint || entry === DELETED) continue;
      const slot = (entry & SLOT_MASK) - FIRST_SLOT;
      if (this.#keys.has(slot, key)) return slot;
    }
  }

  /** Reserves space for so many insertions. It may rebuild the index from its owner's keys. */
  reserve(count: number): void {
    if (this.#live + this.#deleted + count <= this.#entries.length * MAX_LOAD) return;
    let capacity = MIN_CAPACITY;
    while ((this.#live + count) * 1.15 > capacity * MAX_LOAD) capacity *= 2;
    this.#entries = new Uint32Array(capacity);
    this.#live = 0;
    this.#deleted = 0;
    this.#keys.forEach((key, slot) => this.insert(key, slot));
  }

  /** The key must be new, and its space reserved. */
  insert(key: string, slot: number): void {
    const entries = this.#entries;
    const mask = entries.length - 1;
    const hash = hashOf(key);
    let at = hash & mask;
    while ((entries[at] ?? EMPTY) > DELETED) at = (at + 1) & mask;
    if (entries[at] === DELETED) this.#deleted -= 1;
    entries[at] = ((hash >>> SLOT_BITS) << SLOT_BITS) | (slot + FIRST_SLOT);
    this.#live += 1;
  }

  /** Removes the entry of the key for this slot. The owner's text may have changed already. */
  remove(key: string, slot: number): void {
    const entries = this.#entries;
    const mask = entries.length - 1;
    const hash = hashOf(key);
    const expected = (((hash >>> SLOT_BITS) << SLOT_BITS) | (slot + FIRST_SLOT)) >>> 0;
    for (let at = hash & mask; entries[at] !== EMPTY; at = (at + 1) & mask) {
      if (entries[at] !== expected) continue;
      entries[at] = DELETED;
      this.#live -= 1;
      this.#deleted += 1;
      return;
    }
  }
}

/** FNV-1a with the finalizer of MurmurHash3, because both ends of the 32 bits are used. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
