import type { Clock } from "../ports/clock.js";
import { AddressBook } from "./address-book.js";
import { ListOrder } from "./list-order.js";
import type { ListedPerson, PersonSnapshot } from "./person.js";
import { PersonColumns, type Moment } from "./person-columns.js";
import { packPerson, type PackedPerson } from "./person-text.js";
import type { PageTold } from "./polled-roster.js";
import { RecentAddresses } from "./recent-addresses.js";
import { outlookOfStatus } from "./state-table.js";
import { SweepMarks } from "./sweep-marks.js";

/** How long "not found" is an answer, and how long a query keeps somebody watched. */
export const TEN_MINUTES_MS = 600_000;

/** What a roster tells while it changes. The calls come in the middle of a change: note them and look later. */
export interface RosterListener {
  /** What is known under this address may be something else now. */
  touched(address: string): void;
  /** This person has the address, and had not before. */
  claimed(roster: Roster, slot: number, address: string): void;
  /** Lists name a person by this text, and did not before. */
  arrived(uri: string): void;
}

/** The persons of one organization, by slot; what Webex told of each, and when. */
export class Roster {
  readonly orgId: string;
  readonly persons = new PersonColumns();
  /** Rises when somebody comes, goes or gets other addresses. */
  version = 0;
  /** When this organization alone turned out not to be askable, wall-clock milliseconds; null while it can be asked. */
  blockedSince: number | null = null;
  staleAfterMs: number;
  readonly #book = new AddressBook(this.persons);
  readonly #order = new ListOrder(this.persons);
  readonly #clock: Clock;
  readonly #listener: RosterListener;
  readonly #notFound = new RecentAddresses(TEN_MINUTES_MS);
  readonly #marks = new SweepMarks(this.persons);
  #sweptAt: number | null = null;

  constructor(orgId: string, clock: Clock, staleAfterMs: number, listener: RosterListener) {
    this.orgId = orgId;
    this.staleAfterMs = staleAfterMs;
    this.#clock = clock;
    this.#listener = listener;
  }

  beginSweep(): number {
    return this.#marks.begin();
  }

  /** `page`: its number in the walk, counted from 0. */
  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageTold {
    const told = this.applyPageAgain(page, items);
    this.#marks.pageCame(sweep, told.persons);
    return told;
  }

  /** A page read out of turn. */
  applyPageAgain(page: number, items: readonly ListedPerson[]): PageTold {
    const at = this.#moment();
    const columns = this.persons;
    let persons = 0;
    let there = 0;
    let sharesStatus = false;
    this.#order.turnTo(page);
    for (const item of items) {
      const slot = this.#take(item, at);
      if (slot === -1) continue;
      persons += 1;
      if (columns.page[slot] === page + 1) there += 1;
      columns.page[slot] = page + 1;
      sharesStatus ||= columns.status[slot] !== null;
    }
    return { persons, there, sharesStatus, seenInSweep: this.#marks.seen };
  }

  /** Returns whether addresses that match nobody have an answer now that had none. */
  completeSweep(sweep: number): boolean {
    const gone = this.#marks.complete(sweep);
    if (gone === null) return false;
    for (const slot of gone) this.#drop(slot);
    for (const address of this.#book.preferPresent()) this.#listener.touched(address);
    const now = this.#clock.monotonic();
    const wasAnswered = this.sweepAnswers(now);
    this.#sweptAt = now;
    return !wasAnswered;
  }

  applyLookup(address: string, persons: readonly PersonSnapshot[]): void {
    this.#apply(persons);
    if (this.byAddress(address) !== -1) return;
    this.#notFound.add(address, this.#clock.monotonic());
    this.#listener.touched(address);
  }

  /** Whether Webex's last answer for an address that matches nobody still counts. */
  hasAnswered(address: string, now: number): boolean {
    return this.sweepAnswers(now) || this.#notFound.has(address, now);
  }

  /** Whether a complete sweep answers for every address that matches nobody. */
  sweepAnswers(now: number): boolean {
    return this.#sweptAt !== null && now - this.#sweptAt <= TEN_MINUTES_MS;
  }

  /** When (monotonic milliseconds) the next answer of that kind ends; null where there is none. */
  nextAnswerEnd(now: number): number | null {
    const start = this.sweepAnswers(now) ? this.#sweptAt : this.#notFound.oldest(now);
    return start === null ? null : start + TEN_MINUTES_MS;
  }

  /** The slot, or -1. `address` is normalized. */
  byAddress(address: string): number {
    return this.#book.byAddress(address);
  }

  isStale(slot: number, now: number): boolean {
    return now - (this.persons.observedMono[slot] ?? 0) > this.staleAfterMs;
  }

  /**
   * Touches those last confirmed at `from` or later, but before `until`; returns when the oldest of the rest was confirmed
   * (monotonic milliseconds; infinity for nobody).
   */
  touchConfirmed(from: number, until: number): number {
    const { text, observedMono, extent } = this.persons;
    let oldest = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < extent; slot += 1) {
      const time = observedMono[slot] ?? 0;
      if (time < from || text[slot] === null) continue;
      if (time < until) this.#touch(slot);
      else if (time < oldest) oldest = time;
    }
    return oldest;
  }

  uriOf(slot: number): string {
    return this.#book.uriOf(slot);
  }

  /** Whether somebody is listed by this text, whose normalized form is `address`. */
  isListed(uri: string, address: string): boolean {
    return this.#book.holdersOf(address).some((slot) => this.uriOf(slot) === uri);
  }

  idOf(slot: number): string {
    return this.#book.idOf(slot);
  }

  /** Normalized, the one that lists show first. */
  addressesOf(slot: number): readonly string[] {
    return this.#book.addressesOf(slot);
  }

  *slots(): Generator<number> {
    for (let slot = 0; slot < this.persons.extent; slot += 1) if (this.persons.text[slot] !== null) yield slot;
  }

  #apply(persons: readonly PersonSnapshot[]): void {
    const at = this.#moment();
    for (const person of persons) this.#upsert(person, at);
  }

  /** The slot of the person, or -1 for a bot. */
  #take(item: ListedPerson, at: Moment): number {
    let slot = this.#order.sameAsBefore(item.fingerprint);
    if (slot === -1) {
      const person = item.read();
      if (person === null) return -1;
      slot = this.#upsert(person, at);
    } else {
      this.persons.learnChange(slot, at, false);
      this.#observe(slot, this.persons.status[slot] ?? null, at, this.isStale(slot, at.mono));
    }
    this.#order.met(slot, item.fingerprint);
    return slot;
  }

  #moment(): Moment {
    return { wall: this.#clock.now(), mono: this.#clock.monotonic() };
  }

  #upsert(person: PersonSnapshot, at: Moment): number {
    const packed = packPerson(person);
    const known = this.#book.byId(person.id);
    const slot = known === -1 ? this.#enter(person.id, packed) : known;
    if (known !== -1) this.#rename(slot, packed);
    this.persons.setLastActivity(slot, person.lastActivity);
    this.persons.fingerprint[slot] = Number.NaN;
    if (known !== -1) this.persons.learnChange(slot, at, this.persons.status[slot] !== person.status);
    this.#observe(slot, person.status, at, known === -1 || this.isStale(slot, at.mono));
    return slot;
  }

  /** `isNews`: what was told of the person before counts no more. */
  #observe(slot: number, status: string | null, at: Moment, isNews: boolean): void {
    const columns = this.persons;
    const before = columns.status[slot] ?? null;
    columns.setObserved(slot, at);
    this.#marks.met(slot);
    if (!isNews && before === status) return;
    if (isNews || outlookOfStatus(before).state !== outlookOfStatus(status).state) columns.since[slot] = at.wall;
    columns.setStatus(slot, status);
    this.#touch(slot);
  }

  #enter(id: string, packed: PackedPerson): number {
    this.#book.reserve(packed.addresses.length);
    const slot = this.persons.allocate();
    this.#book.addId(id, slot);
    for (const address of packed.addresses) this.#book.addAddress(address, slot);
    this.persons.setText(slot, packed);
    this.#announce(slot, packed.addresses);
    this.#listener.arrived(this.uriOf(slot));
    return slot;
  }

  #rename(slot: number, packed: PackedPerson): void {
    const columns = this.persons;
    if (columns.text[slot] === packed.text) {
      columns.setWideName(slot, packed);
      return;
    }
    const uri = this.uriOf(slot);
    const before = this.#book.addressesOf(slot);
    const added = packed.addresses.filter((address) => !before.includes(address));
    const removed = before.filter((address) => !packed.addresses.includes(address));
    this.#book.reserve(before.length + added.length);
    for (const address of removed) this.#book.removeAddress(address, slot);
    for (const address of added) this.#book.addAddress(address, slot);
    columns.setText(slot, packed);
    for (const address of removed) this.#listener.touched(address);
    if (added.length > 0 || removed.length > 0 || this.uriOf(slot) !== uri) this.#announce(slot, added);
    if (this.uriOf(slot) === uri) return;
    this.#listener.arrived(this.uriOf(slot));
    // Lists do not name anybody by the former text any more, also where it is an address still.
    for (const address of before.slice(0, 1)) this.#listener.touched(address);
  }

  #announce(slot: number, added: readonly string[]): void {
    this.version += 1;
    for (const address of added) {
      this.#listener.claimed(this, slot, address);
      this.#listener.touched(address);
    }
  }

  #drop(slot: number): void {
    const addresses = this.#book.addressesOf(slot);
    this.#book.reserve(addresses.length);
    this.#book.removeId(this.idOf(slot), slot);
    for (const address of addresses) this.#book.removeAddress(address, slot);
    this.persons.free(slot);
    this.version += 1;
    for (const address of addresses) this.#listener.touched(address);
  }

  #touch(slot: number): void {
    for (const address of this.#book.addressesOf(slot)) this.#listener.touched(address);
  }
}
