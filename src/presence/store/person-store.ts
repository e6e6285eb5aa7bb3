import type { Clock } from "../../ports/clock.js";
import { RecentAddresses } from "../address.js";
import type { ListedPerson, PersonSnapshot } from "../person.js";
import type { PageResult } from "../polled-roster.js";
import { mapWebexStatus } from "../record.js";
import { packPerson, PersonColumns, type PackedPerson, type Timestamp } from "./person-columns.js";
import { PersonIndex } from "./person-index.js";
import { ListIndex, SweepTracker } from "./sweep-tracker.js";

/** How long "not found" is a valid answer. */
const NOT_FOUND_TTL_MS = 600_000;
/** How long a query keeps a person or an address watched. */
export const QUERY_WATCH_MS = 600_000;

/** Called in the middle of a change: note what changed, and read the store later. */
export interface PersonStoreListener {
  /** The presence of this address may have changed. */
  addressChanged(address: string): void;
  /** The person has a new address. */
  addressAdded(store: PersonStore, slot: number, address: string): void;
  /** Lists name a person by this new URI. */
  uriListed(uri: string): void;
}

/**
 * The persons of one organization, as Webex last reported them. A slot number stands for a person
 * until that person is removed. All times are elapsed milliseconds (`Clock.elapsed`), unless they
 * are called wall-clock. docs/person-store.md describes the layout and its cost.
 */
export class PersonStore {
  readonly orgId: string;
  staleAfterMs: number;
  /** Since when this organization alone cannot be polled (wall-clock); null while it can. */
  blockedSince: number | null = null;
  readonly #clock: Clock;
  readonly #listener: PersonStoreListener;
  readonly #columns = new PersonColumns();
  readonly #index = new PersonIndex(this.#columns);
  readonly #listIndex = new ListIndex(this.#columns);
  readonly #sweeps = new SweepTracker(this.#columns);
  readonly #notFound = new RecentAddresses(NOT_FOUND_TTL_MS);
  #lastSweepAt: number | null = null;
  #version = 0;

  constructor(orgId: string, clock: Clock, staleAfterMs: number, listener: PersonStoreListener) {
    this.orgId = orgId;
    this.staleAfterMs = staleAfterMs;
    this.#clock = clock;
    this.#listener = listener;
  }

  get personCount(): number {
    return this.#columns.personCount;
  }

  /** Every slot in use is below it. */
  get slotLimit(): number {
    return this.#columns.slotLimit;
  }

  /** Rises when a person is added or removed, or gets other addresses. */
  get version(): number {
    return this.#version;
  }

  /** Returns the number of the sweep. */
  beginSweep(): number {
    return this.#sweeps.begin();
  }

  /** Applies a page of a sweep; `page` counts from 0. */
  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageResult {
    const result = this.applyRefetchedPage(page, items);
    this.#sweeps.addPage(sweep, result.persons);
    return result;
  }

  /** Applies a page that was fetched outside a sweep. */
  applyRefetchedPage(page: number, items: readonly ListedPerson[]): PageResult {
    const at = this.#timestamp();
    const columns = this.#columns;
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
    return { persons, alreadyOnPage, sharesStatus, seenInSweep: this.#sweeps.seenPersons };
  }

  /** Returns whether addresses that match nobody have an answer now, and had none before. */
  completeSweep(sweep: number): boolean {
    const missing = this.#sweeps.complete(sweep);
    if (missing === null) return false;
    for (const slot of missing) this.#remove(slot);
    for (const address of this.#index.preferPresentOwners()) this.#listener.addressChanged(address);
    const now = this.#clock.elapsed();
    const hadAnswer = this.hasSweepAnswer(now);
    this.#lastSweepAt = now;
    return !hadAnswer;
  }

  applyLookup(address: string, persons: readonly PersonSnapshot[]): void {
    const at = this.#timestamp();
    for (const person of persons) this.#upsert(person, at);
    if (this.findByAddress(address) !== -1) return;
    this.#notFound.add(address, at.elapsed);
    this.#listener.addressChanged(address);
  }

  /** Returns whether Webex's latest answer for an address that matches nobody is still valid. */
  hasAnswerFor(address: string, now: number): boolean {
    return this.hasSweepAnswer(now) || this.#notFound.has(address, now);
  }

  /** Returns whether a complete sweep answers for all addresses that match nobody. */
  hasSweepAnswer(now: number): boolean {
    return this.#lastSweepAt !== null && now - this.#lastSweepAt <= NOT_FOUND_TTL_MS;
  }

  /** Returns when the next such answer expires, or null if there is none. */
  nextAnswerExpiry(now: number): number | null {
    const start = this.hasSweepAnswer(now) ? this.#lastSweepAt : this.#notFound.oldestTime(now);
    return start === null ? null : start + NOT_FOUND_TTL_MS;
  }

  /** Returns the slot, or -1. `address` is normalized. */
  findByAddress(address: string): number {
    return this.#index.findByAddress(address);
  }

  /** Returns whether lists name a person by this URI, whose normalized form is `address`. */
  isListUri(uri: string, address: string): boolean {
    return this.#index.ownersOf(address).some((slot) => this.uriOf(slot) === uri);
  }

  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#columns.slotLimit; slot += 1) {
      if (this.#columns.text[slot] !== null) yield slot;
    }
  }

  /** The address under which lists name the person, verbatim. */
  uriOf(slot: number): string {
    return this.#columns.uriOf(slot);
  }

  /** Normalized; the one of the list URI is first. */
  addressesOf(slot: number): readonly string[] {
    return this.#columns.addressesOf(slot);
  }

  idOf(slot: number): string {
    return this.#columns.idOf(slot);
  }

  nameOf(slot: number): string | null {
    return this.#columns.nameOf(slot);
  }

  /** Webex's status, verbatim. */
  statusOf(slot: number): string | null {
    return this.#columns.status[slot] ?? null;
  }

  lastActivityOf(slot: number): string | null {
    return this.#columns.lastActivityOf(slot);
  }

  /** When the state was first observed, wall-clock. */
  sinceOf(slot: number): number {
    return this.#columns.since[slot] ?? 0;
  }

  /** When Webex last reported the person, wall-clock. */
  observedWallOf(slot: number): number {
    return this.#columns.observedWall[slot] ?? 0;
  }

  observedElapsedOf(slot: number): number {
    return this.#columns.observedElapsed[slot] ?? 0;
  }

  /** See `updateChangeRate`. */
  changeRateOf(slot: number): number {
    return this.#columns.changeRate[slot] ?? 0;
  }

  /** The page of the list that the person was last on, counted from 1; 0 if unknown. */
  pageOf(slot: number): number {
    return this.#columns.page[slot] ?? 0;
  }

  isStale(slot: number, now: number): boolean {
    return now - (this.#columns.observedElapsed[slot] ?? 0) > this.staleAfterMs;
  }

  /** Records a query of the person. Returns whether it is the first for `QUERY_WATCH_MS`. */
  markQueried(slot: number, time: number): boolean {
    const { lastQueried } = this.#columns;
    const previous = lastQueried[slot] ?? 0;
    lastQueried[slot] = Math.ceil(time / 1000) + 1;
    return previous === 0 || previous < firstWatchedMark(time);
  }

  /**
   * Visits the slots of all persons who have been queried within `QUERY_WATCH_MS` or are marked 1
   * in `subscribed`. It reads every slot, so it is too expensive for each query.
   */
  forEachWatched(subscribed: Uint8Array | "all", now: number, visit: (slot: number) => void): void {
    const { text, lastQueried, slotLimit } = this.#columns;
    const earliest = firstWatchedMark(now);
    for (let slot = 0; slot < slotLimit; slot += 1) {
      if (text[slot] === null) continue;
      const mark = lastQueried[slot] ?? 0;
      const isQueried = mark > 0 && mark >= earliest;
      if (isQueried || subscribed === "all" || subscribed[slot] === 1) visit(slot);
    }
  }

  /**
   * Reports the addresses of persons last observed at `from` or later, but before `until`. Returns
   * the earliest time of the other observations since `from`, or infinity.
   */
  reportStale(from: number, until: number): number {
    const { text, observedElapsed, slotLimit } = this.#columns;
    let oldest = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < slotLimit; slot += 1) {
      const time = observedElapsed[slot] ?? 0;
      if (time < from || text[slot] === null) continue;
      if (time < until) this.#reportChange(slot);
      else if (time < oldest) oldest = time;
    }
    return oldest;
  }

  #timestamp(): Timestamp {
    return { wall: this.#clock.now(), elapsed: this.#clock.elapsed() };
  }

  /** Returns the slot of the person, or -1 for a bot. */
  #applyItem(item: ListedPerson, at: Timestamp): number {
    let slot = this.#listIndex.findUnchanged(item.fingerprint);
    if (slot === -1) {
      const person = item.read();
      if (person === null) return -1;
      slot = this.#upsert(person, at);
    } else {
      const status = this.#columns.status[slot] ?? null;
      this.#columns.updateChangeRate(slot, at, false);
      this.#recordObservation(slot, status, at, this.isStale(slot, at.elapsed));
    }
    this.#listIndex.addItem(slot, item.fingerprint);
    return slot;
  }

  #upsert(person: PersonSnapshot, at: Timestamp): number {
    const columns = this.#columns;
    const packed = packPerson(person);
    const knownSlot = this.#index.findById(person.id);
    const isNew = knownSlot === -1;
    const slot = isNew ? this.#insert(person.id, packed) : knownSlot;
    if (!isNew) this.#updateText(slot, packed);
    columns.setLastActivity(slot, person.lastActivity);
    columns.fingerprint[slot] = Number.NaN;
    if (!isNew) columns.updateChangeRate(slot, at, columns.status[slot] !== person.status);
    this.#recordObservation(slot, person.status, at, isNew || this.isStale(slot, at.elapsed));
    return slot;
  }

  /** `isReset`: nothing was known of the person, or it was stale. */
  #recordObservation(slot: number, status: string | null, at: Timestamp, isReset: boolean): void {
    const columns = this.#columns;
    const previous = columns.status[slot] ?? null;
    columns.setObserved(slot, at);
    this.#sweeps.markSeen(slot);
    if (!isReset && previous === status) return;
    if (isReset || mapWebexStatus(previous).state !== mapWebexStatus(status).state) {
      columns.since[slot] = at.wall;
    }
    columns.setStatus(slot, status);
    this.#reportChange(slot);
  }

  #insert(id: string, packed: PackedPerson): number {
    this.#index.reserve(packed.addresses.length);
    const slot = this.#columns.allocate();
    this.#index.addId(id, slot);
    for (const address of packed.addresses) this.#index.addAddress(address, slot);
    this.#columns.setText(slot, packed);
    this.#reportAddresses(slot, packed.addresses);
    this.#listener.uriListed(this.uriOf(slot));
    return slot;
  }

  #updateText(slot: number, packed: PackedPerson): void {
    const columns = this.#columns;
    if (columns.text[slot] === packed.text) {
      columns.setWideName(slot, packed);
      return;
    }
    const uri = this.uriOf(slot);
    const previous = this.addressesOf(slot);
    const added = packed.addresses.filter((address) => !previous.includes(address));
    const removed = previous.filter((address) => !packed.addresses.includes(address));
    this.#index.reserve(previous.length + added.length);
    for (const address of removed) this.#index.removeAddress(address, slot);
    for (const address of added) this.#index.addAddress(address, slot);
    columns.setText(slot, packed);
    for (const address of removed) this.#listener.addressChanged(address);
    const isRenamed = this.uriOf(slot) !== uri;
    if (added.length > 0 || removed.length > 0 || isRenamed) this.#reportAddresses(slot, added);
    if (!isRenamed) return;
    this.#listener.uriListed(this.uriOf(slot));
    // The previous URI no longer names anybody in lists, even if it is still an address.
    for (const address of previous.slice(0, 1)) this.#listener.addressChanged(address);
  }

  #remove(slot: number): void {
    const addresses = this.addressesOf(slot);
    this.#index.reserve(addresses.length);
    this.#index.removeId(this.idOf(slot), slot);
    for (const address of addresses) this.#index.removeAddress(address, slot);
    this.#columns.free(slot);
    this.#version += 1;
    for (const address of addresses) this.#listener.addressChanged(address);
  }

  #reportAddresses(slot: number, added: readonly string[]): void {
    this.#version += 1;
    for (const address of added) {
      this.#listener.addressAdded(this, slot, address);
      this.#listener.addressChanged(address);
    }
  }

  #reportChange(slot: number): void {
    for (const address of this.addressesOf(slot)) this.#listener.addressChanged(address);
  }
}

/** The earliest `lastQueried` that keeps a person watched at `now`. */
function firstWatchedMark(now: number): number {
  return (now - QUERY_WATCH_MS) / 1000 + 1;
}
