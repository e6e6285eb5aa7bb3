import type { Clock } from "../../ports/clock.js";
import type { ListedPerson, PageResult, PersonSnapshot } from "../polled-roster.js";
import { mapWebexStatus } from "../record.js";
import { updateChangeRate } from "../refresh-demand.js";
import { packPerson, toIdKey, type PackedPerson } from "./person-columns.js";
import { PersonIndex } from "./person-index.js";
import { RecentResponses, type FreshnessNeed, type ResponseTime } from "./recent-responses.js";
import { StoredPersons } from "./stored-persons.js";
import { UnmatchedAnswers } from "./unmatched-answers.js";

/** Persons move between pages while they are read, so one sweep may miss somebody. */
const MAX_MISSED_SWEEPS = 2;
/** A lookup is about one address, which few persons share. */
const MAX_UNCONFIRMED = 16;
export type { FreshnessNeed } from "./recent-responses.js";

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
  /**
   * An answer from Webex has been applied. `hasNewAnswers`: addresses that match nobody have an
   * answer now, and had none before.
   */
  updated(hasNewAnswers: boolean): void;
}

/**
 * The persons of one organization, as Webex last reported them. A slot number stands for a person
 * until that person is removed. All times are elapsed milliseconds (`Clock.elapsed`), unless they
 * are called wall-clock. docs/person-store.md describes the layout and its cost.
 */
export class PersonStore extends StoredPersons {
  readonly orgId: string;
  staleAfterMs: number;
  /** Since when this organization alone cannot be polled (wall-clock); null while it can. */
  blockedSince: number | null = null;
  protected isClosed = false;
  protected readonly clock: Clock;
  readonly #listener: PersonStoreListener;
  readonly #index = new PersonIndex(this.columns);
  /** By page: the slot of the first person, plus one; 0 if unknown. */
  readonly #firstOnPage: number[] = [];
  /** By page: when the request was sent that showed it to be the same page outside a sweep. */
  readonly #refetchedAt: number[] = [];
  readonly #responses: RecentResponses;
  readonly #unmatchedAnswers: UnmatchedAnswers;
  /** Observations before this time are stale, whatever their age. */
  #confirmedFrom = Number.NEGATIVE_INFINITY;
  /** When they became stale, by the wall clock. */
  #expiredAtWall = 0;
  #sweep = 0;
  /** When the latest sweep began. Elapsed milliseconds. */
  #sweepStart = 0;
  #isSweeping = false;
  /** Persons on the pages of the sweep. */
  #listedPersons = 0;
  /** Distinct persons reported since the sweep began, on its pages or in other answers. */
  #seenPersons = 0;
  #version = 0;
  #statusChanges = 0;

  constructor(orgId: string, clock: Clock, staleAfterMs: number, listener: PersonStoreListener) {
    super();
    this.orgId = orgId;
    this.staleAfterMs = staleAfterMs;
    this.clock = clock;
    this.#listener = listener;
    this.#responses = new RecentResponses(clock);
    this.#unmatchedAnswers = new UnmatchedAnswers(this.#responses);
  }

  get personCount(): number {
    return this.isClosed ? 0 : this.columns.personCount;
  }

  /** Rises when a person is added or removed, gets another name, or loses or gets an address. */
  get version(): number {
    return this.#version;
  }

  /** How often Webex has reported another status of somebody known. */
  get statusChanges(): number {
    return this.#statusChanges;
  }

  beginSweep(): number {
    this.#sweep += 1;
    this.#sweepStart = this.clock.elapsed();
    this.#isSweeping = true;
    this.#listedPersons = 0;
    this.#seenPersons = 0;
    return this.#sweep;
  }

  applyPage(
    sweep: number,
    items: readonly ListedPerson[],
    page: number,
    sentAt?: number,
  ): PageResult {
    const result = this.#applyItems(page, items, this.#responses.record(sentAt));
    if (sweep === this.#sweep) this.#listedPersons += result.persons;
    return result;
  }

  applyRefetchedPage(page: number, items: readonly ListedPerson[], sentAt?: number): PageResult {
    const at = this.#responses.record(sentAt);
    const result = this.#applyItems(page, items, at);
    // Another page than expected does not say who has left this one.
    const isSamePage = result.persons > 0 && result.alreadyOnPage * 2 >= result.persons;
    if (isSamePage) {
      this.#refetchedAt[page] = Math.max(this.#refetchedAt[page] ?? 0, at.sentElapsed);
    }
    return result;
  }

  completeSweep(sweep: number): void {
    if (this.isClosed || sweep !== this.#sweep || !this.#isSweeping) return;
    this.#isSweeping = false;
    // Every organization has an administrator, so a sweep without any person proves nothing.
    if (this.#listedPersons === 0) return;
    const { lastSweep, missedSweeps } = this.columns;
    this.columns.forEachSlot((slot) => {
      if (lastSweep[slot] === sweep) return;
      const missedCount = (missedSweeps[slot] ?? 0) + 1;
      missedSweeps[slot] = missedCount;
      if (missedCount >= MAX_MISSED_SWEEPS) this.#remove(slot);
    });
    this.#reportMoved(this.#index.preferPresentOwners());
    const now = this.clock.elapsed();
    const hadAnswer = this.hasSweepAnswer(now);
    this.#unmatchedAnswers.addSweep(this.#sweepStart, now);
    this.#listener.updated(!hadAnswer);
  }

  applyLookup(
    address: string,
    persons: readonly PersonSnapshot[],
    sentAt?: number,
  ): readonly string[] {
    if (this.isClosed) return [];
    const at = this.#responses.record(sentAt);
    if (this.#unmatchedAnswers.isOutdated(at, address)) return [];
    const slots = new Set(persons.map((person) => this.#upsertOutsidePage(person, at)));
    const owners = this.#index.ownersOf(address).filter((slot) => !this.#isOutdated(slot, at));
    // Webex has just said whose address it is.
    const owner = owners.find((slot) => slots.has(slot));
    const isCurrent = owners.includes(this.findByAddress(address));
    if (owner !== undefined && isCurrent && this.#index.preferOwner(address, owner)) {
      this.#reportMoved([address]);
    }
    const isListAddress = (slot: number): boolean => this.addressesOf(slot)[0] === address;
    const unconfirmed = owners
      .filter((slot) => !slots.has(slot) && isListAddress(slot))
      .slice(0, MAX_UNCONFIRMED);
    if (this.findByAddress(address) === -1) this.#recordNotFound([address], at);
    this.#listener.updated(false);
    return unconfirmed.map((slot) => this.idOf(slot));
  }

  applyPerson(id: string, person: PersonSnapshot | null, sentAt?: number): void {
    if (this.isClosed) return;
    const at = this.#responses.record(sentAt);
    const slot = this.#index.findById(id);
    const previous = slot === -1 ? [] : this.addressesOf(slot);
    // Somebody else in the answer means that the id has been merged into another person's.
    const isGone = person === null || toIdKey(person.id) !== toIdKey(id);
    if (isGone && (slot === -1 || !this.#isOutdated(slot, at))) {
      if (slot !== -1) this.#remove(slot);
      this.#responses.recordGone(id, at);
    }
    if (person !== null) this.#upsertOutsidePage(person, at);
    this.#recordNotFound(
      previous.filter((address) => this.findByAddress(address) === -1),
      at,
    );
    this.#listener.updated(false);
  }

  /** Ignores all later answers: those of a revoked grant must not bring persons back. */
  close(): void {
    this.isClosed = true;
  }

  /**
   * Returns whether Webex's latest answer for an address key that matches nobody is still valid.
   */
  hasAnswerFor(key: string, now: number): boolean {
    return this.#unmatchedAnswers.has(key, now);
  }

  /** Returns whether a complete sweep answers for all addresses that match nobody. */
  hasSweepAnswer(now: number): boolean {
    return this.#unmatchedAnswers.hasSweep(now);
  }

  /**
   * Returns whether Webex has answered for an address that matches nobody: the answer is still
   * valid, or is known to be of `since` or later.
   */
  isAnsweredSince(address: string, since: number, now: number): boolean {
    return this.#unmatchedAnswers.isAnsweredSince(address, since, now);
  }

  /** Returns when the next such answer expires; infinity if there is none. */
  nextAnswerExpiry(now: number): number {
    return this.#unmatchedAnswers.nextExpiry(now);
  }

  /** Returns whether the answer for an address that matches nobody is fresh enough. */
  isAnswerFresh(address: string, need: FreshnessNeed): boolean {
    return this.#unmatchedAnswers.isFresh(address, need);
  }

  /** Returns whether the latest observation of the person is fresh enough. */
  isFresh(slot: number, need: FreshnessNeed): boolean {
    return this.#responses.isFresh(this.observedElapsedOf(slot), need);
  }

  /** Returns the slot, or -1. */
  findById(id: string): number {
    return this.#index.findById(id);
  }

  /** Returns the slot, or -1. `address` is normalized. */
  findByAddress(address: string): number {
    return this.#index.findByAddress(address);
  }

  /** Returns whether lists name a person by this URI, whose normalized form is `address`. */
  isListUri(uri: string, address: string): boolean {
    return this.#index.ownersOf(address).some((slot) => this.uriOf(slot) === uri);
  }

  /** Whether Webex's list lacks the person where they were before. */
  isMissing(slot: number): boolean {
    if ((this.columns.missedSweeps[slot] ?? 0) > 0) return true;
    const refetchedAt = this.#refetchedAt[this.pageOf(slot) - 1] ?? Number.NEGATIVE_INFINITY;
    return this.observedElapsedOf(slot) < refetchedAt;
  }

  isStale(slot: number, now: number): boolean {
    const observed = this.observedElapsedOf(slot);
    return now - observed > this.staleAfterMs || observed < this.#confirmedFrom;
  }

  /** Makes stale what was observed before `now`, which is the present. */
  expireAll(now: number): void {
    this.#confirmedFrom = now;
    this.#expiredAtWall = this.clock.now();
  }

  /** When a stale record became stale, by the wall clock. */
  staleSinceOf(slot: number): number {
    const aged = this.observedWallOf(slot) + this.staleAfterMs;
    const isExpired = this.observedElapsedOf(slot) < this.#confirmedFrom;
    return isExpired ? Math.min(aged, this.#expiredAtWall) : aged;
  }

  /** Records a query of the person. Returns whether it is the first for `QUERY_WATCH_MS`. */
  markQueried(slot: number, time: number): boolean {
    const { lastQueried } = this.columns;
    const previous = lastQueried[slot] ?? 0;
    lastQueried[slot] = Math.max(previous, Math.ceil(time / 1000) + 1);
    return previous < earliestWatchedMark(time);
  }

  /**
   * Visits the slots of all persons who have been queried within `QUERY_WATCH_MS` or are marked 1
   * in `subscribed`. It reads every slot, so it is too expensive for each query.
   */
  forEachWatched(subscribed: Uint8Array | "all", now: number, visit: (slot: number) => void): void {
    const { lastQueried } = this.columns;
    const earliest = earliestWatchedMark(now);
    this.columns.forEachSlot((slot) => {
      const isQueried = (lastQueried[slot] ?? 0) >= earliest;
      if (isQueried || subscribed === "all" || subscribed[slot] === 1) visit(slot);
    });
  }

  /**
   * Reports the addresses of persons last observed at `from` or later, but before `until`. Returns
   * the earliest time of the other observations since `from`, or infinity.
   */
  reportStale(from: number, until: number): number {
    let oldest = Number.POSITIVE_INFINITY;
    this.columns.forEachSlot((slot) => {
      const time = this.observedElapsedOf(slot);
      if (time >= until) oldest = Math.min(oldest, time);
      else if (time >= from) this.#reportChange(slot);
    });
    return oldest;
  }

  #applyItems(page: number, items: readonly ListedPerson[], at: ResponseTime): PageResult {
    const columns = this.columns;
    let persons = 0;
    let alreadyOnPage = 0;
    let sharesStatus = false;
    // The order and most items of the list stay the same, so an equal fingerprint identifies the
    // expected person without decoding. A wrong prediction costs one decoding.
    let previous = -1;
    let expected = (this.#firstOnPage[page] ?? 0) - 1;
    try {
      for (const item of this.isClosed ? [] : items) {
        let slot = columns.fingerprint[expected] === item.fingerprint ? expected : -1;
        if (slot === -1) {
          const person = item.read();
          if (person === null) continue;
          persons += 1;
          slot = this.#upsert(person, at);
          if (slot === -1) continue;
          if (!this.#isOutdated(slot, at)) columns.fingerprint[slot] = item.fingerprint;
        } else {
          persons += 1;
          if (!this.#isOutdated(slot, at)) {
            this.#recordObservation(slot, this.statusOf(slot), at, false);
          }
        }
        if (previous === -1) this.#firstOnPage[page] = slot + 1;
        else columns.nextInList[previous] = slot + 1;
        previous = slot;
        expected = (columns.nextInList[slot] ?? 0) - 1;
        if (columns.page[slot] === page + 1) alreadyOnPage += 1;
        // A page that was read later tells where the person is; a lookup does not.
        if (columns.page[slot] === 0 || !this.#isOutdated(slot, at)) columns.page[slot] = page + 1;
        sharesStatus ||= columns.status[slot] !== null;
      }
    } finally {
      this.#listener.updated(false);
    }
    return { persons, alreadyOnPage, sharesStatus, seenInSweep: this.#seenPersons };
  }

  /** Returns whether the response to a later request has reported the person already. */
  #isOutdated(slot: number, response: ResponseTime): boolean {
    if (response.isInOrder) return false;
    return this.#responses.isOutdated(response, this.observedElapsedOf(slot));
  }

  /** Other persons are found by these addresses now. */
  #reportMoved(addresses: readonly string[]): void {
    if (addresses.length > 0) this.#version += 1;
    for (const address of addresses) this.#listener.addressChanged(address);
  }

  #recordNotFound(addresses: readonly string[], at: ResponseTime): void {
    for (const address of addresses) {
      this.#unmatchedAnswers.add(address, at);
      this.#listener.addressChanged(address);
    }
  }

  /** Applies an answer that says nothing about pages. */
  #upsertOutsidePage(person: PersonSnapshot, at: ResponseTime): number {
    const known = this.#index.findById(person.id);
    // Somebody who exists but is no longer on the page is on a page that is not known.
    if (known !== -1 && this.isMissing(known) && !this.#isOutdated(known, at)) {
      this.columns.page[known] = 0;
    }
    return this.#upsert(person, at);
  }

  /**
   * Applies what a response says of a person, unless that of a later request has said it already.
   * Returns the slot, or -1 for somebody who is gone.
   */
  #upsert(person: PersonSnapshot, at: ResponseTime): number {
    const columns = this.columns;
    const knownSlot = this.#index.findById(person.id);
    const isNew = knownSlot === -1;
    if (isNew && this.#responses.isGone(at, person.id)) return -1;
    if (!isNew && this.#isOutdated(knownSlot, at)) return knownSlot;
    const packed = packPerson(person);
    const slot = isNew ? columns.allocate() : knownSlot;
    if (isNew) this.#index.addId(person.id, slot);
    if (columns.text[slot] === packed.text) columns.setWideName(slot, packed.wideName);
    else this.#replaceText(slot, packed);
    columns.setLastActivity(slot, person.lastActivity);
    columns.fingerprint[slot] = Number.NaN;
    this.#recordObservation(slot, person.status, at, isNew);
    return slot;
  }

  #recordObservation(slot: number, status: string | null, at: ResponseTime, isNew: boolean): void {
    const { changeRate, lastSweep, missedSweeps, observedElapsed, observedWall, since } =
      this.columns;
    const previous = this.statusOf(slot);
    const age = at.elapsed - (observedElapsed[slot] ?? 0);
    const isReset = isNew || this.isStale(slot, at.elapsed);
    if (!isNew) {
      changeRate[slot] = updateChangeRate(changeRate[slot] ?? 0, age, previous !== status);
    }
    observedWall[slot] = at.wall;
    observedElapsed[slot] = at.elapsed;
    missedSweeps[slot] = 0;
    if (this.#isSweeping && lastSweep[slot] !== this.#sweep) {
      lastSweep[slot] = this.#sweep;
      this.#seenPersons += 1;
    }
    if (!isNew && previous !== status) this.#statusChanges += 1;
    if (!isReset && previous === status) return;
    if (isReset || mapWebexStatus(previous).state !== mapWebexStatus(status).state) {
      since[slot] = at.wall;
    }
    this.columns.setStatus(slot, status);
    this.#reportChange(slot);
  }

  #replaceText(slot: number, packed: PackedPerson): void {
    const uri = this.uriOf(slot);
    const previous = this.addressesOf(slot);
    const present = new Set(packed.addresses);
    const known = new Set(previous);
    const added = packed.addresses.filter((address) => !known.has(address));
    const removed = previous.filter((address) => !present.has(address));
    this.#index.reserve(previous.length + added.length);
    for (const address of removed) this.#index.removeAddress(address, slot);
    for (const address of added) this.#index.addAddress(address, slot);
    this.columns.text[slot] = packed.text;
    this.columns.setWideName(slot, packed.wideName);
    this.#version += 1;
    for (const address of added) this.#listener.addressAdded(this, slot, address);
    for (const address of [...removed, ...added]) this.#listener.addressChanged(address);
    if (this.uriOf(slot) === uri) return;
    this.#listener.uriListed(this.uriOf(slot));
    // The previous URI no longer names anybody in lists, even if it is still an address.
    if (previous[0] !== undefined) this.#listener.addressChanged(previous[0]);
  }

  #remove(slot: number): void {
    const addresses = this.addressesOf(slot);
    this.#index.reserve(addresses.length);
    this.#index.removeId(this.idOf(slot), slot);
    for (const address of addresses) this.#index.removeAddress(address, slot);
    this.columns.free(slot);
    this.#version += 1;
    for (const address of addresses) this.#listener.addressChanged(address);
  }

  #reportChange(slot: number): void {
    for (const address of this.addressesOf(slot)) this.#listener.addressChanged(address);
  }
}

/** The earliest `lastQueried` that keeps a person watched at `now`; greater than 0, for never. */
function earliestWatchedMark(now: number): number {
  return Math.max(1, (now - QUERY_WATCH_MS) / 1000 + 1);
}
