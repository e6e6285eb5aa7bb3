import leven, { closestMatch } from "leven";

import { type ProblemText, problemText } from "../faults/problem-catalog.js";
import type { EntryLine, SectionLine } from "../ports/settings-file.js";
import { findInvisibleCharacter } from "./displayed-text.js";
import { SETTING_FIELDS, SETTING_KEYS, SETTINGS_PREFIX } from "./keys.js";

/** A line without effect that resembles ours. */
export type UnknownLine = (
  | { readonly reason: "key"; readonly name: string; readonly lacksEquals?: boolean }
  | { readonly reason: "section"; readonly name: string }
  | { readonly reason: "afterHeader" | "embedded" | "joinedHeader" | "otherBrackets" }
) & {
  /** It may belong to another technology, unless the section below it contains a key of ours. */
  readonly needsOurKey?: true;
};

/** Where a line is. */
export type Place = "top" | "ourSection" | "foreignSection";

/** More distance would match other words: "webpresence" is two characters from "webexpresence". */
const MAX_DISTANCE = 2;
const MAX_LENGTH_DIFFERENCE = 1;
const MAX_NAME_LENGTH = 100;
const PREFIX = SETTINGS_PREFIX.toLowerCase();

/** Full name by its comparable form, and by the comparable form of its part after the prefix. */
const FULL_NAMES = new Map<string, string>();
const SHORT_NAMES = new Map<string, string>();
for (const field of SETTING_FIELDS) {
  const { name } = SETTING_KEYS[field];
  FULL_NAMES.set(comparable(name), name);
  SHORT_NAMES.set(comparable(name.slice(SETTINGS_PREFIX.length)), name);
}

const FULL_NAME_LIST = [...FULL_NAMES.keys()];
const ANY_SHORT_NAME = `(?:${[...SHORT_NAMES.keys()].join("|")})`;

/** What is kept in the keychain, and the command that stores it. */
const SECRET_NAMES: ReadonlyMap<string, "client" | "proxy"> = new Map([
  ["clientsecret", "client"],
  ["secret", "client"],
  ["proxypassword", "proxy"],
  ["proxypass", "proxy"],
  ["password", "proxy"],
]);

/** Our prefix as a word of its own: not within another name, or at the end of a dotted one. */
const PREFIX_WORD = /(?<![\p{L}\p{N}._:/\\-])webex[\s._-]*presence(?![\p{L}\p{N}])/iu;
const EMBEDDED_NAME = new RegExp(`${PREFIX}\\.[a-z]+\\s*[=:]`, "i");
const EMBEDDED_SHORT_NAME = new RegExp(`${ANY_SHORT_NAME}\\s*=`, "i");
const QUOTED_NAME = new RegExp(`["']${PREFIX}\\.${ANY_SHORT_NAME}["']`, "i");
/** Looks like a header to a person: `{Sip}`, `(Sip)`, `［Sip］`, `"[Sip]"`. */
const OTHER_BRACKETS = /^\W*[\p{Ps}<][^\p{Ps}\p{Pe}<>]*[\p{Pe}>]\W*$/u;

/** null: the header is ours, or another technology's. */
export function findUnknownHeader(
  { name, rest, joinedHeader }: SectionLine,
  isOurs: boolean,
): UnknownLine | null {
  // A joined header is reported as such.
  const isRestUnknown = rest !== "" && joinedHeader === null;
  if (isOurs) return isRestUnknown ? { reason: "afterHeader" } : null;
  if (PREFIX_WORD.test(name) || resemblesPrefix(name)) return { reason: "section", name };
  if (containsPrefix(name)) return { reason: "section", name, needsOurKey: true };
  return isRestUnknown && PREFIX_WORD.test(rest) ? { reason: "embedded" } : null;
}

export function resemblesPrefix(name: string): boolean {
  return isNear(comparable(name), PREFIX);
}

/** For an entry that is not a setting. null: it belongs to another technology. */
export function findUnknownEntry(
  { name, value, joinedHeader }: EntryLine,
  place: Place,
): UnknownLine | null {
  const start = name.slice(0, MAX_NAME_LENGTH);
  if (place === "ourSection" && value === "") {
    // A joined header is reported as such.
    if (joinedHeader !== null && name.endsWith("]")) return null;
    if (OTHER_BRACKETS.test(start)) return { reason: "otherBrackets" };
  }
  const isKey =
    (place === "foreignSection" ? resemblesOurKey(start) : resemblesFullName(start)) ||
    (place === "ourSection" && resemblesShortName(start));
  if (isKey) return { reason: "key", name, lacksEquals: lacksEquals(start) };
  // A header that has lost its brackets, or an item of another technology's list.
  if (place === "foreignSection" && value === "" && resemblesFullName(start))
    return { reason: "key", name, needsOurKey: true };
  const isMarkup = name.startsWith("<") && QUOTED_NAME.test(value);
  return isMarkup || hasEmbeddedName(value) ? { reason: "embedded" } : null;
}

/** Two lines that were joined: the name of the second is in the value of the first. */
function hasEmbeddedName(value: string): boolean {
  return EMBEDDED_NAME.test(value);
}

/** The like, for the value of a setting; in our section, names have no prefix. */
export function isJoinedLine(value: string, isInOurSection: boolean): boolean {
  return hasEmbeddedName(value) || (isInOurSection && EMBEDDED_SHORT_NAME.test(value));
}

export function isShortName(name: string): boolean {
  return SHORT_NAMES.has(comparable(name.slice(0, MAX_NAME_LENGTH)));
}

/** Contains no value, which may be a secret, and a name only if it is nothing but a name. */
export function unknownLineText(unknown: UnknownLine, line: number): ProblemText {
  const { reason } = unknown;
  if (reason !== "key" && reason !== "section")
    return problemText("settingsUnknown", { reason, line });
  const { name } = unknown;
  const character = findInvisibleCharacter(name) ?? undefined;
  const withCharacter = { line, ...(character !== undefined && { character }) };
  if (reason === "section") return problemText("settingsUnknown", { reason, ...withCharacter });
  const isPlain = /^[a-z][\w.-]*$/i.test(name) && name.length <= MAX_NAME_LENGTH;
  const start = name.slice(0, MAX_NAME_LENGTH);
  const secret = SECRET_NAMES.get(tail(firstWord(start)));
  const likely = secret === undefined ? likelyName(start) : undefined;
  return problemText("settingsUnknown", {
    ...{ reason: unknown.lacksEquals === true ? "equals" : (secret ?? reason), ...withCharacter },
    ...(isPlain && { key: name }),
    ...(likely !== undefined && { likely }),
  });
}

/** Our prefix is part of a longer name: `WebexPresenceSettings`, `Logging.WebexPresence`. */
function containsPrefix(name: string): boolean {
  const whole = comparable(name.slice(0, MAX_NAME_LENGTH));
  return whole.includes(PREFIX) || whole.includes("presencewebex");
}

function resemblesFullName(name: string): boolean {
  if (name.length < PREFIX.length - MAX_LENGTH_DIFFERENCE) return false;
  if (PREFIX_WORD.test(name)) return true;
  const dot = name.lastIndexOf(".");
  if (dot > 0 && resemblesPrefix(name.slice(0, dot))) return true;
  if (dot > 0 && containsPrefix(name.slice(0, dot)) && SHORT_NAMES.has(tail(firstWord(name))))
    return true;
  return [name, firstWord(name)].some((text) => {
    const whole = comparable(text);
    return FULL_NAME_LIST.some((fullName) => isNear(whole, fullName));
  });
}

/** In the section of another technology, our prefix alone says nothing: `WebexPresence.dll=1`. */
function resemblesOurKey(name: string): boolean {
  if (!resemblesFullName(name)) return false;
  const { length } = comparable(name.split(/[.:]/).at(-1) ?? "");
  const isKey = likelyName(name) !== undefined || SECRET_NAMES.has(tail(firstWord(name)));
  return isKey && length > 3;
}

/** In our section, other technologies have dotted names only. */
function resemblesShortName(name: string): boolean {
  return !name.includes(".") || closest(comparable(name), SHORT_NAMES) !== undefined;
}

/** Also where a colon or a space, and possibly a value, follows the name. */
function likelyName(name: string): string | undefined {
  for (const text of [firstWord(name), name.split(":")[0] ?? "", name]) {
    const last = tail(text);
    const likely =
      closest(comparable(text), FULL_NAMES) ??
      closest(last, SHORT_NAMES) ??
      [...SHORT_NAMES].find(([shortName]) => last.length >= 3 && shortName.includes(last))?.[1];
    if (likely !== undefined) return likely;
  }
  return undefined;
}

/** `Enable : 1` and `Enable 1`: a setting, and its value behind a colon or a space. */
function lacksEquals(name: string): boolean {
  const word = firstWord(name);
  const isKey = FULL_NAMES.has(comparable(word)) || SHORT_NAMES.has(comparable(word));
  return isKey && /[^:\s]/.test(name.slice(word.length));
}

function firstWord(text: string): string {
  return text.split(/[:\s]/)[0] ?? "";
}

function tail(name: string): string {
  return comparable(name.slice(name.lastIndexOf(".") + 1));
}

function closest(text: string, names: ReadonlyMap<string, string>): string | undefined {
  const match = closestMatch(text, [...names.keys()], { maxDistance: MAX_DISTANCE });
  return match === undefined ? undefined : names.get(match);
}

function isNear(text: string, name: string): boolean {
  if (Math.abs(text.length - name.length) > MAX_LENGTH_DIFFERENCE) return false;
  return leven(text, name, { maxDistance: MAX_DISTANCE + 1 }) <= MAX_DISTANCE;
}

/** Letters and digits alone: typing errors are also in case, spaces and separators. */
function comparable(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "");
}
