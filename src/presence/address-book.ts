import { addressesOf, hasAddress, hasIdKey, idKey, idOf, uriOf } from "./person-text.js";
import type { PersonColumns } from "./person-columns.js";
import { SlotIndex } from "./slot-index.js";

/**
 * Who has which id and which address in one organization. Where several persons have one address, the one who had it first is
 * found, for as long as they have it.
 */
export class AddressBook {
  readonly #persons: PersonColumns;
  readonly #ids: SlotIndex;
  readonly #addresses: SlotIndex;
  /** Addresses of several persons: their slots, the one that is found first. */
  readonly #contested = new Map<string, number[]>();

  constructor(persons: PersonColumns) {
    this.#persons = persons;
    this.#ids = new SlotIndex({
      has: (slot, key) => hasIdKey(persons.textOf(slot), key),
      each: (visit) => this.#each((text, slot) => visit(idKey(idOf(text)), slot)),
    });
    this.#addresses = new SlotIndex({
      has: (slot, address) => hasAddress(persons.textOf(slot), address),
      each: (visit) =>
        this.#each((text, slot) => {
          for (const address of addressesOf(text)) {
            if ((this.#contested.get(address)?.[0] ?? slot) === slot) visit(address, slot);
          }
        }),
    });
  }

  /** The slot, or -1. */
  byId(id: string): number {
    return this.#ids.find(idKey(id));
  }

  /** The slot, or -1. `address` is normalized. */
  byAddress(address: string): number {
    return this.#addresses.find(address);
  }

  /** Everybody who has the address, by slot. */
  holdersOf(address: string): readonly number[] {
    const found = this.#addresses.find(address);
    return this.#contested.get(address) ?? (found === -1 ? [] : [found]);
  }

  /** Before the columns and the book begin to differ: makes room for that many more addresses. */
  reserve(addresses: number): void {
    this.#ids.reserve(1);
    this.#addresses.reserve(addresses);
  }

  addId(id: string, slot: number): void {
    this.#ids.insert(idKey(id), slot);
  }

  removeId(id: string, slot: number): void {
    this.#ids.remove(idKey(id), slot);
  }

  /** Before the address stands in the slot's text: else the slot might be taken for one who had it already. */
  addAddress(address: string, slot: number): void {
    const holders = this.#contested.get(address);
    if (holders !== undefined) {
      holders.push(slot);
      return;
    }
    const holder = this.#addresses.find(address);
    if (holder === -1) this.#addresses.insert(address, slot);
    else this.#contested.set(address, [holder, slot]);
  }

  removeAddress(address: string, slot: number): void {
    const holders = this.#contested.get(address);
    if (holders === undefined) {
      this.#addresses.remove(address, slot);
      return;
    }
    const wasFound = holders[0] === slot;
    holders.splice(holders.indexOf(slot), 1);
    if (wasFound) this.#handOver(address, slot, holders[0] ?? slot);
    if (holders.length === 1) this.#contested.delete(address);
  }

  /** Lets those go first who were not missed: an address that moved must not wait until its former holder is given up. Returns what moved. */
  preferPresent(): readonly string[] {
    const moved: string[] = [];
    this.#addresses.reserve(this.#contested.size);
    for (const [address, holders] of this.#contested) {
      const former = holders[0] ?? -1;
      holders.sort((a, b) => (this.#persons.missed[a] ?? 0) - (this.#persons.missed[b] ?? 0));
      const holder = holders[0] ?? -1;
      if (holder === former) continue;
      this.#handOver(address, former, holder);
      moved.push(address);
    }
    return moved;
  }

  uriOf(slot: number): string {
    return uriOf(this.#persons.textOf(slot));
  }

  idOf(slot: number): string {
    return idOf(this.#persons.textOf(slot));
  }

  addressesOf(slot: number): readonly string[] {
    return addressesOf(this.#persons.textOf(slot));
  }

  #handOver(address: string, from: number, to: number): void {
    this.#addresses.remove(address, from);
    this.#addresses.insert(address, to);
  }

  #each(visit: (text: string, slot: number) => void): void {
    this.#persons.text.forEach((text, slot) => {
      if (text !== null) visit(text, slot);
    });
  }
}
