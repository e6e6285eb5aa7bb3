import { updateChangeRate, INITIAL_CHANGE_RATE } from "../change-rate.js";
import { formatIsoTime } from "../iso-time.js";
import * as personText from "../person-text.js";
import type { PackedPerson } from "../person-text.js";

const INITIAL_CAPACITY = 64;
const MAX_INTERNED = 256;

/** When something was seen: wall clock for people to read, monotonic for ages. Milliseconds. */
export interface Timestamp {
  readonly wall: number;
  readonly elapsed: number;
}

/**
 * Persons as columns: slot `n` of each array is one person, about 300 bytes in all. A slot that is free has no text. Arrays of
 * numbers are readable from outside and may be replaced whenever a person is added.
 */
export class PersonColumns {
  /** Slots ever used: the bound of every scan. */
  slotLimit = 0;
  personCount = 0;
  readonly text: (string | null)[] = [];
  readonly status: (string | null)[] = [];
  observedWall = new Float64Array(INITIAL_CAPACITY);
  observedElapsed = new Float64Array(INITIAL_CAPACITY);
  since = new Float64Array(INITIAL_CAPACITY);
  /** The number of the latest sweep that saw the person. */
  lastSweep = new Uint32Array(INITIAL_CAPACITY);
  /** Complete sweeps running that missed the person. */
  missedSweeps = new Uint8Array(INITIAL_CAPACITY);
  /** When last queried, in whole monotonic seconds plus one; 0 for never. */
  lastQueried = new Uint32Array(INITIAL_CAPACITY);
  /** The page of the list that the person was last seen on, counted from 1; 0 where that is not known. */
  page = new Uint16Array(INITIAL_CAPACITY);
  /** Of what stood in Webex's list (`ListedPerson.fingerprint`); NaN where something else has been told since. */
  fingerprint = new Float64Array(INITIAL_CAPACITY);
  /** Who came after the person in Webex's list, as slot + 1; 0 where that is not known. */
  nextInList = new Uint32Array(INITIAL_CAPACITY);
  /** How often the status changes, as `change-rate.ts` writes it. */
  changeRate = new Uint16Array(INITIAL_CAPACITY);
  #lastActivity = new Float64Array(INITIAL_CAPACITY);
  readonly #verbatimActivity = new Map<number, string>();
  readonly #wideNames = new Map<number, string>();
  readonly #free: number[] = [];
  readonly #interned = new Map<string, string>();

  /** A slot without a text, to be set. */
  allocate(): number {
    const slot = this.#free.pop() ?? this.slotLimit++;
    if (slot >= this.since.length) this.#grow();
    this.personCount += 1;
    this.lastSweep[slot] = 0;
    this.missedSweeps[slot] = 0;
    this.lastQueried[slot] = 0;
    this.page[slot] = 0;
    this.fingerprint[slot] = Number.NaN;
    this.nextInList[slot] = 0;
    this.changeRate[slot] = INITIAL_CHANGE_RATE;
    this.text[slot] = null;
    this.status[slot] = null;
    return slot;
  }

  free(slot: number): void {
    this.text[slot] = null;
    this.status[slot] = null;
    this.fingerprint[slot] = Number.NaN;
    this.#verbatimActivity.delete(slot);
    this.#wideNames.delete(slot);
    this.#free.push(slot);
    this.personCount -= 1;
  }

  setText(slot: number, packed: PackedPerson): void {
    this.text[slot] = packed.text;
    this.setWideName(slot, packed);
  }

  /** Apart from the text, which stays the same when one such name follows another. */
  setWideName(slot: number, packed: PackedPerson): void {
    if (packed.wideName !== null) this.#wideNames.set(slot, packed.wideName);
    else if (this.#wideNames.size > 0) this.#wideNames.delete(slot);
  }

  setStatus(slot: number, status: string | null): void {
    this.status[slot] = status === null ? null : this.#intern(status);
  }

  /** Before `setObserved`: another look at a person who was known. */
  updateChangeRate(slot: number, at: Timestamp, changed: boolean): void {
    const elapsedMs = at.elapsed - (this.observedElapsed[slot] ?? at.elapsed);
    this.changeRate[slot] = updateChangeRate(
      this.changeRate[slot] ?? INITIAL_CHANGE_RATE,
      elapsedMs,
      changed,
    );
  }

  setObserved(slot: number, at: Timestamp): void {
    this.observedWall[slot] = at.wall;
    this.observedElapsed[slot] = at.elapsed;
  }

  /** Kept as a number where that gives the text back exactly. */
  setLastActivity(slot: number, text: string | null): void {
    const time = text === null ? Number.NaN : Date.parse(text);
    const isVerbatim = text !== null && (Number.isNaN(time) || formatIsoTime(time) !== text);
    this.#lastActivity[slot] = isVerbatim ? Number.NaN : time;
    if (isVerbatim) this.#verbatimActivity.set(slot, text);
    else if (this.#verbatimActivity.size > 0) this.#verbatimActivity.delete(slot);
  }

  lastActivityOf(slot: number): string | null {
    const time = this.#lastActivity[slot] ?? Number.NaN;
    return Number.isNaN(time) ? (this.#verbatimActivity.get(slot) ?? null) : formatIsoTime(time);
  }

  textOf(slot: number): string {
    return this.text[slot] ?? "";
  }

  nameOf(slot: number): string | null {
    return personText.nameOf(this.textOf(slot), () => this.#wideNames.get(slot) ?? null);
  }

  /** One text for each status. A service that invents a new one for everybody must not fill the memory. */
  #intern(status: string): string {
    const known = this.#interned.get(status);
    if (known !== undefined) return known;
    if (this.#interned.size >= MAX_INTERNED) this.#interned.clear();
    this.#interned.set(status, status);
    return status;
  }

  #grow(): void {
    const capacity = Math.ceil(this.since.length * 1.25);
    this.observedWall = copyInto(this.observedWall, new Float64Array(capacity));
    this.observedElapsed = copyInto(this.observedElapsed, new Float64Array(capacity));
    this.since = copyInto(this.since, new Float64Array(capacity));
    this.#lastActivity = copyInto(this.#lastActivity, new Float64Array(capacity));
    this.lastSweep = copyInto(this.lastSweep, new Uint32Array(capacity));
    this.lastQueried = copyInto(this.lastQueried, new Uint32Array(capacity));
    this.missedSweeps = copyInto(this.missedSweeps, new Uint8Array(capacity));
    this.page = copyInto(this.page, new Uint16Array(capacity));
    this.fingerprint = copyInto(this.fingerprint, new Float64Array(capacity));
    this.nextInList = copyInto(this.nextInList, new Uint32Array(capacity));
    this.changeRate = copyInto(this.changeRate, new Uint16Array(capacity));
  }
}

function copyInto<A extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
  from: A,
  to: A,
): A {
  to.set(from);
  return to;
}
