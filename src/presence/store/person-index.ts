import { addressesOf, hasAddress, hasIdKey, toIdKey, idOf, uriOf } from "../person-text.js";
import type { PersonColumns } from "./person-columns.js";
import { SlotIndex } from "../slot-index.js";

/**
 * Who has which id and which address in one organization. Where several persons have one address, the one who had it first is
 * found, for as long as they have it.
 */
export class PersonIndex {
  readonly #persons: PersonColumns;
  readonly #ids: SlotIndex;
  readonly #addresses: SlotIndex;
  /** Addresses of several persons: their slots, the one that is found first. */
  readonly #sharedAddresses = new Map<string, number[]>();

  constructor(persons: PersonColumns) {
    this.#persons = persons;
    this.#ids = new SlotIndex({
      has: (slot, key) => hasIdKey(persons.textOf(slot), key),
      forEach: (visit) => this.#forEachPerson((text, slot) => visit(toIdKey(idOf(text)), slot)),
    });
    this.#addresses = new SlotIndex({
      has: (slot, address) => hasAddress(persons.textOf(slot), address),
      forEach: (visit) =>
        this.#forEachPerson((text, slot) => {
          for (const address of addressesOf(text)) {
            if ((this.#sharedAddresses.get(address)?.[0] ?? slot) === slot) visit(address, slot);
          }
        }),
    });
  }

  /** The slot, or -1. */
  findById(id: string): number {
    return this.#ids.find(toIdKey(id));
  }

  /** The slot, or -1. `address` is normalized. */
  findByAddress(address: string): number {
    return this.#addresses.find(address);
  }

  /** Everybody who has the address, by slot. */
  ownersOf(address: string): readonly number[] {
    const found = this.#addresses.find(address);
    return this.#sharedAddresses.get(address) ?? (found === -1 ? [] : [found]);
  }

  /** Before the columns and the book begin to differ: makes room for that many more addresses. */
  reserve(addresses: number): void {
    this.#ids.reserve(1);
    this.#addresses.reserve(addresses);
  }

  addId(id: string, slot: number): void {
    this.#ids.insert(toIdKey(id), slot);
  }

  removeId(id: string, slot: number): void {
    this.#ids.remove(toIdKey(id), slot);
  }

  /** Before the address stands in the slot's text: else the slot might be taken for one who had it already. */
  addAddress(address: string, slot: number): void {
    const owners = this.#sharedAddresses.get(address);
    if (owners !== undefined) {
      owners.push(slot);
      return;
    }
    const owner = this.#addresses.find(address);
    if (owner === -1) this.#addresses.insert(address, slot);
    else this.#sharedAddresses.set(address, [owner, slot]);
  }

  removeAddress(address: string, slot: number): void {
    const owners = this.#sharedAddresses.get(address);
    if (owners === undefined) {
      this.#addresses.remove(address, slot);
      return;
    }
    const wasPrimary = owners[0] === slot;
    owners.splice(owners.indexOf(slot), 1);
    if (wasPrimary) this.#transfer(address, slot, owners[0] ?? slot);
    if (owners.length === 1) this.#sharedAddresses.delete(address);
  }

  /** Lets those go first who were not missed: an address that moved must not wait until its former holder is given up. Returns what moved. */
  preferPresentOwners(): readonly string[] {
    const moved: string[] = [];
    this.#addresses.reserve(this.#sharedAddresses.size);
    for (const [address, owners] of this.#sharedAddresses) {
      const previous = owners[0] ?? -1;
      owners.sort(
        (a, b) => (this.#persons.missedSweeps[a] ?? 0) - (this.#persons.missedSweeps[b] ?? 0),
      );
      const owner = owners[0] ?? -1;
      if (owner === previous) continue;
      this.#transfer(address, previous, owner);
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

  #transfer(address: string, from: number, to: number): void {
    this.#addresses.remove(address, from);
    this.#addresses.insert(address, to);
  }

  #forEachPerson(visit: (text: string, slot: number) => void): void {
    this.#persons.text.forEach((text, slot) => {
      if (text !== null) visit(text, slot);
    });
  }
}
