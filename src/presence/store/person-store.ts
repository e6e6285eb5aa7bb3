import type { Clock } from "../../ports/clock.js";
import { PersonIndex } from "./person-index.js";
import { ListIndex } from "../list-order.js";
import type { ListedPerson, PersonSnapshot } from "../person.js";
import { PersonColumns, type Timestamp } from "./person-columns.js";
import { packPerson, type PackedPerson } from "../person-text.js";
import type { PageResult } from "../polled-roster.js";
import { RecentAddresses } from "../recent-addresses.js";
import { mapWebexStatus } from "../state-table.js";
import { SweepTracker } from "../sweep-marks.js";

/** How long "not found" is an answer, and how long a query keeps somebody watched. */
export const NOT_FOUND_TTL_MS = 600_000;

/** What a roster tells while it changes. The calls come in the middle of a change: note them and look later. */
export interface PersonStoreListener {
  /** What is known under this address may be something else now. */
  addressChanged(address: string): void;
  /** This person has the address, and had not before. */
  addressAdded(roster: PersonStore, slot: number, address: string): void;
  /** Lists name a person by this text, and did not before. */
  uriListed(uri: string): void;
}

/** The persons of one organization, by slot; what Webex told of each, and when. */
export class PersonStore {
  readonly orgId: string;
  readonly persons = new PersonColumns();
  /** Rises when somebody comes, goes or gets other addresses. */
  version = 0;
  /** When this organization alone turned out not to be askable, wall-clock milliseconds; null while it can be asked. */
  blockedSince: number | null = null;
  staleAfterMs: number;
  readonly #index = new PersonIndex(this.persons);
  readonly #listIndex = new ListIndex(this.persons);
  readonly #clock: Clock;
  readonly #listener: PersonStoreListener;
  readonly #notFound = new RecentAddresses(NOT_FOUND_TTL_MS);
  readonly #sweepTracker = new SweepTracker(this.persons);
  #lastSweepAt: number | null = null;

  constructor(orgId: string, clock: Clock, staleAfterMs: number, listener: PersonStoreListener) {
    this.orgId = orgId;
    this.staleAfterMs = staleAfterMs;
    this.#clock = clock;
    this.#listener = listener;
  }

  beginSweep(): number {
    return this.#sweepTracker.begin();
  }

  /** `page`: its number in the walk, counted from 0. */
  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageResult {
    const result = this.applyRefetchedPage(page, items);
    this.#sweepTracker.addPage(sweep, result.persons);
    return result;
  }

  /** A page read out of turn. */
  applyRefetchedPage(page: number, items: readonly ListedPerson[]): PageResult {
    const at = this.#timestamp();
    const columns = this.persons;
    let persons = 0;
    let alreadyOnPage = 0;
    let sharesStatus = false;
    this.#listIndex.beginPage(page);
    for (const item of items) {
      const slot = this.#applyItem(item, at);
      if (slot === -1) continue;
      persons += 1;
      if (columns.page[slot] === page + 1) alreadyOnPage += 1;
      columns.page[slot] = page + 1;
      sharesStatus ||= columns.status[slot] !== null;
    }
    return { persons, alreadyOnPage, sharesStatus, seenInSweep: this.#sweepTracker.seenPersons };
  }

  /** Returns whether addresses that match nobody have an answer now that had none. */
  completeSweep(sweep: number): boolean {
    const missing = this.#sweepTracker.complete(sweep);
    if (missing === null) return false;
    for (const slot of missing) this.#remove(slot);
    for (const address of this.#index.preferPresentOwners()) this.#listener.addressChanged(address);
    const now = this.#clock.monotonic();
    const hadAnswer = this.hasSweepAnswer(now);
    this.#lastSweepAt = now;
    return !hadAnswer;
  }

  applyLookup(address: string, persons: readonly PersonSnapshot[]): void {
    this.#upsertAll(persons);
    if (this.findByAddress(address) !== -1) return;
    this.#notFound.add(address, this.#clock.monotonic());
    this.#listener.addressChanged(address);
  }

  /** Whether Webex's last answer for an address that matches nobody still counts. */
  hasAnswerFor(address: string, now: number): boolean {
    return this.hasSweepAnswer(now) || this.#notFound.has(address, now);
  }

  /** Whether a complete sweep answers for every address that matches nobody. */
  hasSweepAnswer(now: number): boolean {
    return this.#lastSweepAt !== null && now - this.#lastSweepAt <= NOT_FOUND_TTL_MS;
  }

  /** When (monotonic milliseconds) the next answer of that kind ends; null where there is none. */
  nextAnswerExpiry(now: number): number | null {
    const start = this.hasSweepAnswer(now) ? this.#lastSweepAt : this.#notFound.oldestTime(now);
    return start === null ? null : start + NOT_FOUND_TTL_MS;
  }

  /** The slot, or -1. `address` is normalized. */
  findByAddress(address: string): number {
    return this.#index.findByAddress(address);
  }

  isStale(slot: number, now: number): boolean {
    return now - (this.persons.observedElapsed[slot] ?? 0) > this.staleAfterMs;
  }

  /**
   * Touches those last confirmed at `from` or later, but before `until`; returns when the oldest of the rest was confirmed
   * (monotonic milliseconds; infinity for nobody).
   */
  reportStale(from: number, until: number): number {
    const { text, observedElapsed, slotLimit } = this.persons;
    let oldest = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < slotLimit; slot += 1) {
      const time = observedElapsed[slot] ?? 0;
      if (time < from || text[slot] === null) continue;
      if (time < until) this.#reportChange(slot);
      else if (time < oldest) oldest = time;
    }
    return oldest;
  }

  uriOf(slot: number): string {
    return this.#index.uriOf(slot);
  }

  /** Whether somebody is listed by this text, whose normalized form is `address`. */
  isListUri(uri: string, address: string): boolean {
    return this.#index.ownersOf(address).some((slot) => this.uriOf(slot) === uri);
  }

  idOf(slot: number): string {
    return this.#index.idOf(slot);
  }

  /** Normalized, the one that lists show first. */
  addressesOf(slot: number): readonly string[] {
    return this.#index.addressesOf(slot);
  }

  *slots(): Generator<number> {
    for (let slot = 0; slot < this.persons.slotLimit; slot += 1)
      if (this.persons.text[slot] !== null) yield slot;
  }

  #upsertAll(persons: readonly PersonSnapshot[]): void {
    const at = this.#timestamp();
    for (const person of persons) this.#upsert(person, at);
  }

  /** The slot of the person, or -1 for a bot. */
  #applyItem(item: ListedPerson, at: Timestamp): number {
    let slot = this.#listIndex.findUnchanged(item.fingerprint);
    if (slot === -1) {
      const person = item.read();
      if (person === null) return -1;
      slot = this.#upsert(person, at);
    } else {
      this.persons.updateChangeRate(slot, at, false);
      this.#recordObservation(
        slot,
        this.persons.status[slot] ?? null,
        at,
        this.isStale(slot, at.elapsed),
      );
    }
    this.#listIndex.recordPosition(slot, item.fingerprint);
    return slot;
  }

  #timestamp(): Timestamp {
    return { wall: this.#clock.now(), elapsed: this.#clock.monotonic() };
  }

  #upsert(person: PersonSnapshot, at: Timestamp): number {
    const packed = packPerson(person);
    const knownSlot = this.#index.findById(person.id);
    const slot = knownSlot === -1 ? this.#insert(person.id, packed) : knownSlot;
    if (knownSlot !== -1) this.#updateText(slot, packed);
    this.persons.setLastActivity(slot, person.lastActivity);
    this.persons.fingerprint[slot] = Number.NaN;
    if (knownSlot !== -1)
      this.persons.updateChangeRate(slot, at, this.persons.status[slot] !== person.status);
    this.#recordObservation(
      slot,
      person.status,
      at,
      knownSlot === -1 || this.isStale(slot, at.elapsed),
    );
    return slot;
  }

  /** `isNews`: what was told of the person before counts no more. */
  #recordObservation(slot: number, status: string | null, at: Timestamp, isReset: boolean): void {
    const columns = this.persons;
    const previous = columns.status[slot] ?? null;
    columns.setObserved(slot, at);
    this.#sweepTracker.markSeen(slot);
    if (!isReset && previous === status) return;
    if (isReset || mapWebexStatus(previous).state !== mapWebexStatus(status).state)
      columns.since[slot] = at.wall;
    columns.setStatus(slot, status);
    this.#reportChange(slot);
  }

  #insert(id: string, packed: PackedPerson): number {
    this.#index.reserve(packed.addresses.length);
    const slot = this.persons.allocate();
    this.#index.addId(id, slot);
    for (const address of packed.addresses) this.#index.addAddress(address, slot);
    this.persons.setText(slot, packed);
    this.#reportAddresses(slot, packed.addresses);
    this.#listener.uriListed(this.uriOf(slot));
    return slot;
  }

  #updateText(slot: number, packed: PackedPerson): void {
    const columns = this.persons;
    if (columns.text[slot] === packed.text) {
      columns.setWideName(slot, packed);
      return;
    }
    const uri = this.uriOf(slot);
    const previous = this.#index.addressesOf(slot);
    const added = packed.addresses.filter((address) => !previous.includes(address));
    const removed = previous.filter((address) => !packed.addresses.includes(address));
    this.#index.reserve(previous.length + added.length);
    for (const address of removed) this.#index.removeAddress(address, slot);
    for (const address of added) this.#index.addAddress(address, slot);
    columns.setText(slot, packed);
    for (const address of removed) this.#listener.addressChanged(address);
    if (added.length > 0 || removed.length > 0 || this.uriOf(slot) !== uri)
      this.#reportAddresses(slot, added);
    if (this.uriOf(slot) === uri) return;
    this.#listener.uriListed(this.uriOf(slot));
    // Lists do not name anybody by the former text any more, also where it is an address still.
    for (const address of previous.slice(0, 1)) this.#listener.addressChanged(address);
  }

  #reportAddresses(slot: number, added: readonly string[]): void {
    this.version += 1;
    for (const address of added) {
      this.#listener.addressAdded(this, slot, address);
      this.#listener.addressChanged(address);
    }
  }

  #remove(slot: number): void {
    const addresses = this.#index.addressesOf(slot);
    this.#index.reserve(addresses.length);
    this.#index.removeId(this.idOf(slot), slot);
    for (const address of addresses) this.#index.removeAddress(address, slot);
    this.persons.free(slot);
    this.version += 1;
    for (const address of addresses) this.#listener.addressChanged(address);
  }

  #reportChange(slot: number): void {
    for (const address of this.#index.addressesOf(slot)) this.#listener.addressChanged(address);
  }
}
