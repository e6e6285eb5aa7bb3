import leven, { closestMatch } from "leven";

import { type ProblemText, problemText } from "../faults/problem-catalog.js";
import type { IniLine } from "../ports/settings-file.js";
import { SETTING_FIELDS, SETTING_KEYS, SETTINGS_PREFIX } from "./keys.js";

/** A line without effect that resembles ours. */
export type UnknownLine =
  | { readonly reason: "key"; readonly name: string }
  | { readonly reason: "section" | "afterHeader" | "embedded" };

type SectionLine = Extract<IniLine, { kind: "section" }>;
type EntryLine = Extract<IniLine, { kind: "entry" }>;

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

/** Our prefix as a word of its own: not within another name, or at the end of a dotted one. */
const PREFIX_WORD = /(?<![\p{L}\p{N}._:/\\-])webex[\s._-]*presence(?![\p{L}\p{N}])/iu;
const NESTED_SECTION = new RegExp(`[.:/\\\\-]${PREFIX}$`, "i");
const NESTED_KEY = new RegExp(`\\.${PREFIX}\\.(?:${[...SHORT_NAMES.keys()].join("|")})$`, "i");
const EMBEDDED_NAME = new RegExp(`${PREFIX}\\.[a-z]+\\s*[=:]`, "i");

/** null: the header is ours, or another technology's. */
export function findUnknownHeader(
  { name, rest }: SectionLine,
  isOurs: boolean,
): UnknownLine | null {
  if (isOurs) return rest === "" ? null : { reason: "afterHeader" };
  const isNearlyOurs =
    PREFIX_WORD.test(name) || NESTED_SECTION.test(name) || isNear(comparable(name), PREFIX);
  if (isNearlyOurs) return { reason: "section" };
  return PREFIX_WORD.test(rest) ? { reason: "embedded" } : null;
}

/** For an entry that is not a setting. null: it belongs to another technology. */
export function findUnknownEntry(
  { name, value }: EntryLine,
  isInOurSection: boolean,
): UnknownLine | null {
  const start = name.slice(0, MAX_NAME_LENGTH);
  const isOurs = resemblesFullName(start) || (isInOurSection && resemblesShortName(start));
  if (!isOurs) return hasEmbeddedName(value) ? { reason: "embedded" } : null;
  return { reason: "key", name };
}

/** Two lines that were joined: the name of the second is in the value of the first. */
export function hasEmbeddedName(value: string): boolean {
  return EMBEDDED_NAME.test(value);
}

/** Contains no value, which may be a secret, and a name only if it is nothing but a name. */
export function unknownLineText(unknown: UnknownLine, line: number): ProblemText {
  const { reason } = unknown;
  if (reason !== "key") return problemText("settingsUnknown", { reason, line });
  const { name } = unknown;
  const isPlain = /^[a-z][\w.-]*$/i.test(name) && name.length <= MAX_NAME_LENGTH;
  const likely = likelyName(name.slice(0, MAX_NAME_LENGTH));
  return problemText("settingsUnknown", {
    ...{ reason, line },
    ...(isPlain && { key: name }),
    ...(likely !== undefined && { likely }),
  });
}

function resemblesFullName(name: string): boolean {
  if (name.length < PREFIX.length - MAX_LENGTH_DIFFERENCE) return false;
  if (PREFIX_WORD.test(name) || NESTED_KEY.test(name)) return true;
  const dot = name.lastIndexOf(".");
  if (dot > 0 && isNear(comparable(name.slice(0, dot)), PREFIX)) return true;
  return [name, name.split(/[:\s]/)[0] ?? ""].some((text) => {
    const whole = comparable(text);
    return FULL_NAME_LIST.some((fullName) => isNear(whole, fullName));
  });
}

/** In our section, other technologies have dotted names only. */
function resemblesShortName(name: string): boolean {
  return !name.includes(".") || closest(comparable(name), SHORT_NAMES) !== undefined;
}

/** Also where a colon or a space, and possibly a value, follows the name. */
function likelyName(name: string): string | undefined {
  for (const text of [name.split(/[:\s]/)[0] ?? "", name.split(":")[0] ?? "", name]) {
    const last = comparable(text.slice(text.lastIndexOf(".") + 1));
    const likely =
      closest(comparable(text), FULL_NAMES) ??
      closest(last, SHORT_NAMES) ??
      [...SHORT_NAMES].find(([shortName]) => last.length >= 3 && shortName.includes(last))?.[1];
    if (likely !== undefined) return likely;
  }
  return undefined;
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
