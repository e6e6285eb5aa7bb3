import { changeRateAfter, FIRST_CHANGE_RATE } from "./change-rate.js";
import { isoTime } from "./iso-time.js";
import * as personText from "./person-text.js";
import type { PackedPerson } from "./person-text.js";

const SMALLEST = 64;
const MOST_INTERNED = 256;

/** When something was seen: wall clock for people to read, monotonic for ages. Milliseconds. */
export interface Moment {
  readonly wall: number;
  readonly mono: number;
}

/**
 * Persons as columns: slot `n` of each array is one person, about 300 bytes in all. A slot that is free has no text. Arrays of
 * numbers are readable from outside and may be replaced whenever a person is added.
 */
export class PersonColumns {
  /** Slots ever used: the bound of every scan. */
  extent = 0;
  count = 0;
  readonly text: (string | null)[] = [];
  readonly status: (string | null)[] = [];
  observedWall = new Float64Array(SMALLEST);
  observedMono = new Float64Array(SMALLEST);
  since = new Float64Array(SMALLEST);
  /** The number of the latest sweep that saw the person. */
  sweep = new Uint32Array(SMALLEST);
  /** Complete sweeps running that missed the person. */
  missed = new Uint8Array(SMALLEST);
  /** When last queried, in whole monotonic seconds plus one; 0 for never. */
  queried = new Uint32Array(SMALLEST);
  /** The page of the list that the person was last seen on, counted from 1; 0 where that is not known. */
  page = new Uint16Array(SMALLEST);
  /** Of what stood in Webex's list (`ListedPerson.fingerprint`); NaN where something else has been told since. */
  fingerprint = new Float64Array(SMALLEST);
  /** Who came after the person in Webex's list, as slot + 1; 0 where that is not known. */
  next = new Uint32Array(SMALLEST);
  /** How often the status changes, as `change-rate.ts` writes it. */
  changeRate = new Uint16Array(SMALLEST);
  #lastActivity = new Float64Array(SMALLEST);
  readonly #oddActivity = new Map<number, string>();
  readonly #wideName = new Map<number, string>();
  readonly #free: number[] = [];
  readonly #interned = new Map<string, string>();

  /** A slot without a text, to be set. */
  allocate(): number {
    const slot = this.#free.pop() ?? this.extent++;
    if (slot >= this.since.length) this.#grow();
    this.count += 1;
    this.sweep[slot] = 0;
    this.missed[slot] = 0;
    this.queried[slot] = 0;
    this.page[slot] = 0;
    this.fingerprint[slot] = Number.NaN;
    this.next[slot] = 0;
    this.changeRate[slot] = FIRST_CHANGE_RATE;
    this.text[slot] = null;
    this.status[slot] = null;
    return slot;
  }

  free(slot: number): void {
    this.text[slot] = null;
    this.status[slot] = null;
    this.fingerprint[slot] = Number.NaN;
    this.#oddActivity.delete(slot);
    this.#wideName.delete(slot);
    this.#free.push(slot);
    this.count -= 1;
  }

  setText(slot: number, packed: PackedPerson): void {
    this.text[slot] = packed.text;
    this.setWideName(slot, packed);
  }

  /** Apart from the text, which stays the same when one such name follows another. */
  setWideName(slot: number, packed: PackedPerson): void {
    if (packed.wideName !== null) this.#wideName.set(slot, packed.wideName);
    else if (this.#wideName.size > 0) this.#wideName.delete(slot);
  }

  setStatus(slot: number, status: string | null): void {
    this.status[slot] = status === null ? null : this.#intern(status);
  }

  /** Before `setObserved`: another look at a person who was known. */
  learnChange(slot: number, at: Moment, changed: boolean): void {
    const elapsedMs = at.mono - (this.observedMono[slot] ?? at.mono);
    this.changeRate[slot] = changeRateAfter(this.changeRate[slot] ?? FIRST_CHANGE_RATE, elapsedMs, changed);
  }

  setObserved(slot: number, at: Moment): void {
    this.observedWall[slot] = at.wall;
    this.observedMono[slot] = at.mono;
  }

  /** Kept as a number where that gives the text back exactly. */
  setLastActivity(slot: number, text: string | null): void {
    const time = text === null ? Number.NaN : Date.parse(text);
    const odd = text !== null && (Number.isNaN(time) || isoTime(time) !== text);
    this.#lastActivity[slot] = odd ? Number.NaN : time;
    if (odd) this.#oddActivity.set(slot, text);
    else if (this.#oddActivity.size > 0) this.#oddActivity.delete(slot);
  }

  lastActivityOf(slot: number): string | null {
    const time = this.#lastActivity[slot] ?? Number.NaN;
    return Number.isNaN(time) ? (this.#oddActivity.get(slot) ?? null) : isoTime(time);
  }

  textOf(slot: number): string {
    return this.text[slot] ?? "";
  }

  nameOf(slot: number): string | null {
    return personText.nameOf(this.textOf(slot), () => this.#wideName.get(slot) ?? null);
  }

  /** One text for each status. A service that invents a new one for everybody must not fill the memory. */
  #intern(status: string): string {
    const known = this.#interned.get(status);
    if (known !== undefined) return known;
    if (this.#interned.size >= MOST_INTERNED) this.#interned.clear();
    this.#interned.set(status, status);
    return status;
  }

  #grow(): void {
    const capacity = Math.ceil(this.since.length * 1.25);
    this.observedWall = grown(this.observedWall, new Float64Array(capacity));
    this.observedMono = grown(this.observedMono, new Float64Array(capacity));
    this.since = grown(this.since, new Float64Array(capacity));
    this.#lastActivity = grown(this.#lastActivity, new Float64Array(capacity));
    this.sweep = grown(this.sweep, new Uint32Array(capacity));
    this.queried = grown(this.queried, new Uint32Array(capacity));
    this.missed = grown(this.missed, new Uint8Array(capacity));
    this.page = grown(this.page, new Uint16Array(capacity));
    this.fingerprint = grown(this.fingerprint, new Float64Array(capacity));
    this.next = grown(this.next, new Uint32Array(capacity));
    this.changeRate = grown(this.changeRate, new Uint16Array(capacity));
  }
}

function grown<A extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
