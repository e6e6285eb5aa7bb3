import { normalizeAddress } from "./address.js";
import type { PersonSnapshot } from "./person.js";

// All texts of a person in one string: `id NUL name NUL uri SOH address SOH address SOH …`. One flat string costs a fraction of
// six, and an address is found in it by one native search. `uri` is empty where the first address is the same text.
const FIELD_END = "\u0000";
const ADDRESS_MARK = "\u0001";
const ADDRESS_MARK_CODE = 1;
const SHORT_ID = "\u0002";
const NO_NAME = "\u0002";
const NAME_STORED_SEPARATELY = "\u0003";

/** How each `ciscospark://us/PEOPLE/<uuid>` begins in base64. */
const ID_PREFIX = "Y2lzY29zcGFyazovL3VzL1BFT1BMRS";
const CONTROL = /\p{Cc}/u;
const BEYOND_LATIN_1 = /[\u0100-\uffff]/;

export interface PackedPerson {
  readonly text: string;
  /** A name that would make the whole text take two bytes a character, kept apart. */
  readonly wideName: string | null;
  /** Normalized and distinct; the one of `uri` first. */
  readonly addresses: readonly string[];
}

/** The form in which the text holds a person id, which is also its key. */
export function toIdKey(id: string): string {
  const clean = stripControls(id);
  return clean.startsWith(ID_PREFIX) ? SHORT_ID + clean.slice(ID_PREFIX.length) : clean;
}

export function packPerson(person: PersonSnapshot): PackedPerson {
  const uri = chooseListUri(person);
  const first = normalizeAddress(uri);
  const addresses = collectAddresses(person, first);
  const name = person.displayName === null ? null : stripControls(person.displayName);
  const wideName = name !== null && BEYOND_LATIN_1.test(name) ? name : null;
  const head = `${toIdKey(person.id)}${FIELD_END}${wideName !== null ? NAME_STORED_SEPARATELY : (name ?? NO_NAME)}${FIELD_END}${uri === first ? "" : uri}`;
  // A joined array is flat at once; a concatenation would keep all its pieces alive.
  return { text: [head, ...addresses, ""].join(ADDRESS_MARK), wideName, addresses };
}

export function idOf(text: string): string {
  const stored = text.slice(0, text.indexOf(FIELD_END));
  return stored.startsWith(SHORT_ID) ? ID_PREFIX + stored.slice(1) : stored;
}

export function hasIdKey(text: string, key: string): boolean {
  return text.charCodeAt(key.length) === 0 && text.startsWith(key);
}

/** `wideName` is asked only where the name is kept apart. */
export function nameOf(text: string, wideName: () => string | null): string | null {
  const start = text.indexOf(FIELD_END) + 1;
  const name = text.slice(start, text.indexOf(FIELD_END, start));
  return name === NO_NAME ? null : name === NAME_STORED_SEPARATELY ? wideName() : name;
}

/** The address under which lists name the person, verbatim. */
export function uriOf(text: string): string {
  const start = text.indexOf(FIELD_END, text.indexOf(FIELD_END) + 1) + 1;
  const mark = text.indexOf(ADDRESS_MARK, start);
  return mark > start
    ? text.slice(start, mark)
    : text.slice(mark + 1, Math.max(mark + 1, text.indexOf(ADDRESS_MARK, mark + 1)));
}

export function addressesOf(text: string): readonly string[] {
  const mark = text.indexOf(ADDRESS_MARK);
  return mark === text.length - 1 ? [] : text.slice(mark + 1, -1).split(ADDRESS_MARK);
}

export function hasAddress(text: string, address: string): boolean {
  for (let at = text.indexOf(address); at !== -1; at = text.indexOf(address, at + 1)) {
    if (
      text.charCodeAt(at - 1) === ADDRESS_MARK_CODE &&
      text.charCodeAt(at + address.length) === ADDRESS_MARK_CODE
    )
      return true;
  }
  return false;
}

/** The userName, else the alphabetically first e-mail; one that is no address only where there is nothing better. */
function chooseListUri(person: PersonSnapshot): string {
  if (person.userName !== null && normalizeAddress(person.userName) === person.userName)
    return person.userName;
  const emails = person.emails.length > 1 ? [...person.emails].sort() : person.emails;
  const candidates = [
    ...(person.userName === null ? [] : [person.userName]),
    ...emails,
    ...person.sipAddresses,
  ];
  return stripControls(
    candidates.find((candidate) => normalizeAddress(candidate) !== null) ?? candidates[0] ?? "",
  );
}

/** Webex promises no order, so the rest is sorted: the same person always makes the same text. */
function collectAddresses(person: PersonSnapshot, first: string | null): readonly string[] {
  const rest: string[] = [];
  const add = (text: string): void => {
    if (text === first) return;
    const address = normalizeAddress(text);
    if (address !== null && address !== first && !rest.includes(address)) rest.push(address);
  };
  if (person.userName !== null) add(person.userName);
  person.emails.forEach(add);
  person.sipAddresses.forEach(add);
  if (rest.length > 1) rest.sort();
  return first === null ? rest : [first, ...rest];
}

function stripControls(text: string): string {
  return CONTROL.test(text) ? text.replace(/\p{Cc}/gu, "") : text;
}
