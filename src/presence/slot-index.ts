// An entry is 32 bits: 10 of the key's hash, which spare most comparisons of text, and 22 that name the slot (plus 2).
const SLOT_BITS = 22;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const EMPTY = 0;
const DELETED = 1;
const FIRST_SLOT = 2;
const MAX_LOAD = 0.75;
const MIN_CAPACITY = 64;

export interface SlotKeys {
  /** Whether `key` is one of the slot's keys. */
  has(slot: number, key: string): boolean;
  /** Calls for each key that the index has to hold: needed when it is laid out anew. */
  forEach(visit: (key: string, slot: number) => void): void;
}

/**
 * From text to slot, by open addressing in one typed array: about 10 bytes a key, and no text of its own. The keys stay with
 * their owner, which is asked to compare them.
 */
export class SlotIndex {
  readonly #keys: SlotKeys;
  #entries = new Uint32Array(MIN_CAPACITY);
  #live = 0;
  #deleted = 0;

  constructor(keys: SlotKeys) {
    this.#keys = keys;
  }

  /** The slot, or -1. */
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

  /** Makes room for `count` insertions. While the owner's keys and the index differ, nothing may be laid out anew, so this goes first. */
  reserve(count: number): void {
    if (this.#live + this.#deleted + count <= this.#entries.length * MAX_LOAD) return;
    let capacity = MIN_CAPACITY;
    while ((this.#live + count) * 1.15 > capacity * MAX_LOAD) capacity *= 2;
    this.#entries = new Uint32Array(capacity);
    this.#live = 0;
    this.#deleted = 0;
    this.#keys.forEach((key, slot) => this.insert(key, slot));
  }

  /** The key must not be in the index yet, and `reserve` must have made room. */
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

  /** Takes the key's entry for this slot away; the owner's text may have changed already. */
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

/** FNV-1a with MurmurHash3's finalizer, so that both ends of the 32 bits are good. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
