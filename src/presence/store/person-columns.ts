import { normalizeOwnAddress } from "../address.js";
import type { PersonSnapshot } from "../polled-roster.js";
import { formatIsoTime } from "../record.js";
import { INITIAL_CHANGE_RATE } from "../refresh-demand.js";

// All texts of a person are packed into one string: `id NUL name NUL uri SOH address SOH address
// SOH`. One flat string costs a fraction of six, and one native search finds an address in it.
// `uri` is empty if it equals the first address.
const FIELD_END = "\u0000";
const ADDRESS_MARK = "\u0001";
const ADDRESS_MARK_CODE = 1;
const SHORT_ID = "\u0002";
const NO_NAME = "\u0002";
const NAME_STORED_SEPARATELY = "\u0003";

/** The base64 form of `ciscospark://us/PEOPLE/`, with which every id begins. */
const ID_PREFIX = "Y2lzY29zcGFyazovL3VzL1BFT1BMRS";
const CONTROL = /\p{Cc}/u;
const BEYOND_LATIN_1 = /[\u0100-\uffff]/;

const INITIAL_CAPACITY = 64;
/** Beyond this length of a text, its addresses are worth a binary search. */
const LONG_TEXT = 2_048;
const MAX_INTERNED = 256;

export interface PackedPerson {
  readonly text: string;
  /** A name outside Latin-1, which would make the whole text take two bytes a character. */
  readonly wideName: string | null;
  /** Normalized and distinct; the one of the list URI is first. */
  readonly addresses: readonly string[];
}

/** Returns the form of a person id in the packed text, which is also its key in the index. */
export function toIdKey(id: string): string {
  const clean = stripControls(id);
  return clean.startsWith(ID_PREFIX) ? SHORT_ID + clean.slice(ID_PREFIX.length) : clean;
}

export function packPerson(person: PersonSnapshot): PackedPerson {
  const uri = chooseListUri(person);
  const first = normalizeOwnAddress(uri);
  const addresses = collectAddresses(person, first);
  const name = person.displayName === null ? null : stripControls(person.displayName);
  const wideName = name !== null && BEYOND_LATIN_1.test(name) ? name : null;
  const storedName = wideName !== null ? NAME_STORED_SEPARATELY : (name ?? NO_NAME);
  const head = [toIdKey(person.id), storedName, uri === first ? "" : uri].join(FIELD_END);
  // A joined array is one flat string; a concatenation would keep its pieces alive.
  return { text: [head, ...addresses, ""].join(ADDRESS_MARK), wideName, addresses };
}

/**
 * Persons in columns: slot `n` of each array is one person. A free slot has no text. The arrays may
 * be replaced whenever a person is added, so do not keep references to them.
 */
export class PersonColumns {
  /** Every slot in use is below it. */
  slotLimit = 0;
  personCount = 0;
  readonly text: (string | null)[] = [];
  readonly status: (string | null)[] = [];
  observedWall = new Float64Array(INITIAL_CAPACITY);
  observedElapsed = new Float64Array(INITIAL_CAPACITY);
  since = new Float64Array(INITIAL_CAPACITY);
  /** The number of the latest sweep that saw the person. */
  lastSweep = new Uint32Array(INITIAL_CAPACITY);
  /** The number of consecutive complete sweeps that missed the person. */
  missedSweeps = new Uint8Array(INITIAL_CAPACITY);
  /** The time of the latest query, in whole elapsed seconds plus one; 0 for never. */
  lastQueried = new Uint32Array(INITIAL_CAPACITY);
  /** The page of the list that the person was last on, counted from 1; 0 if unknown. */
  page = new Uint16Array(INITIAL_CAPACITY);
  /** `ListedPerson.fingerprint` of the person's item; NaN if another answer has come since. */
  fingerprint = new Float64Array(INITIAL_CAPACITY);
  /** The slot of the next person in the list, plus one; 0 if unknown. */
  nextInList = new Uint32Array(INITIAL_CAPACITY);
  /** How often the status changes; see `updateChangeRate`. */
  changeRate = new Uint16Array(INITIAL_CAPACITY);
  #lastActivity = new Float64Array(INITIAL_CAPACITY);
  readonly #verbatimActivity = new Map<number, string>();
  readonly #wideNames = new Map<number, string>();
  readonly #free: number[] = [];
  readonly #interned = new Map<string, string>();

  /** Returns a slot that is in use once its text is set. */
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

  /** Call it even if the text stays equal, as it does if one wide name replaces another. */
  setWideName(slot: number, wideName: string | null): void {
    if (wideName !== null) this.#wideNames.set(slot, wideName);
    else if (this.#wideNames.size > 0) this.#wideNames.delete(slot);
  }

  setStatus(slot: number, status: string | null): void {
    if (status !== null && !this.#interned.has(status)) {
      // A service that sends a new status for each person must not fill the memory.
      if (this.#interned.size >= MAX_INTERNED) this.#interned.clear();
      this.#interned.set(status, status);
    }
    this.status[slot] = status === null ? null : (this.#interned.get(status) ?? status);
  }

  /** Stores a number where it reproduces the text exactly, and the text otherwise. */
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

  idOf(slot: number): string {
    const text = this.text[slot] ?? "";
    const stored = text.slice(0, text.indexOf(FIELD_END));
    return stored.startsWith(SHORT_ID) ? ID_PREFIX + stored.slice(1) : stored;
  }

  hasIdKey(slot: number, key: string): boolean {
    const text = this.text[slot] ?? "";
    return text.charCodeAt(key.length) === 0 && text.startsWith(key);
  }

  nameOf(slot: number): string | null {
    const text = this.text[slot] ?? "";
    const start = text.indexOf(FIELD_END) + 1;
    const name = text.slice(start, text.indexOf(FIELD_END, start));
    if (name === NO_NAME) return null;
    return name === NAME_STORED_SEPARATELY ? (this.#wideNames.get(slot) ?? null) : name;
  }

  uriOf(slot: number): string {
    const text = this.text[slot] ?? "";
    const start = text.indexOf(FIELD_END, text.indexOf(FIELD_END) + 1) + 1;
    const mark = text.indexOf(ADDRESS_MARK, start);
    if (mark > start) return text.slice(start, mark);
    return text.slice(mark + 1, Math.max(mark + 1, text.indexOf(ADDRESS_MARK, mark + 1)));
  }

  addressesOf(slot: number): readonly string[] {
    const text = this.text[slot] ?? "";
    const mark = text.indexOf(ADDRESS_MARK);
    return mark === text.length - 1 ? [] : text.slice(mark + 1, -1).split(ADDRESS_MARK);
  }

  /** See `StoredPersons.searchTextOf`. */
  searchTextOf(slot: number): string {
    const text = this.text[slot] ?? "";
    const start = text.indexOf(FIELD_END) + 1;
    const mark = text.charAt(start);
    if (mark === NAME_STORED_SEPARATELY)
      return (this.#wideNames.get(slot) ?? "") + text.slice(start + 1);
    return text.slice(mark === NO_NAME ? start + 1 : start);
  }

  hasAddress(slot: number, address: string): boolean {
    const text = this.text[slot] ?? "";
    if (text.length > LONG_TEXT) return searchAddress(text, address);
    for (let at = text.indexOf(address); at !== -1; at = text.indexOf(address, at + 1)) {
      const isMarked =
        text.charCodeAt(at - 1) === ADDRESS_MARK_CODE &&
        text.charCodeAt(at + address.length) === ADDRESS_MARK_CODE;
      if (isMarked) return true;
    }
    return false;
  }

  /** Visits the slots in use. */
  forEachSlot(visit: (slot: number) => void): void {
    const { text, slotLimit } = this;
    for (let slot = 0; slot < slotLimit; slot += 1) if (text[slot] !== null) visit(slot);
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

/**
 * Chooses the userName, or else the alphabetically first e-mail. A text that is not an address is
 * chosen only if there is no address.
 */
function chooseListUri(person: PersonSnapshot): string {
  const { userName, sipAddresses } = person;
  if (userName !== null && normalizeOwnAddress(userName) === userName) return userName;
  const emails = person.emails.toSorted();
  const candidates = [...(userName === null ? [] : [userName]), ...emails, ...sipAddresses];
  const address = candidates.find((candidate) => normalizeOwnAddress(candidate) !== null);
  return stripControls(address ?? candidates[0] ?? "");
}

/** Sorted, because Webex promises no order: the same person must give the same text. */
function collectAddresses(person: PersonSnapshot, first: string | null): readonly string[] {
  const rest: string[] = [];
  for (const text of [person.userName ?? "", ...person.emails, ...person.sipAddresses]) {
    const address = text === first ? null : normalizeOwnAddress(text);
    if (address !== null && address !== first) rest.push(address);
  }
  rest.sort();
  const distinct = rest.filter((address, index) => address !== rest[index - 1]);
  return first === null ? distinct : [first, ...distinct];
}

/** Searches the addresses of a packed text, which are sorted except for the first. */
function searchAddress(text: string, address: string): boolean {
  const endOf = (start: number): number => text.indexOf(ADDRESS_MARK, start);
  const firstStart = endOf(0) + 1;
  const firstEnd = endOf(firstStart);
  if (firstEnd === -1) return false;
  if (text.slice(firstStart, firstEnd) === address) return true;
  // Each address between the two positions begins at the lower one or later.
  let low = firstEnd + 1;
  let high = text.length;
  while (low < high) {
    const start = text.lastIndexOf(ADDRESS_MARK, ((low + high) >>> 1) - 1) + 1;
    const end = endOf(start);
    const candidate = text.slice(start, end);
    if (candidate === address) return true;
    if (candidate < address) low = end + 1;
    else high = start;
  }
  return false;
}

function stripControls(text: string): string {
  return CONTROL.test(text) ? text.replace(/\p{Cc}/gu, "") : text;
}
