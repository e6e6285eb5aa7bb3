import type { ReadIniLine } from "../ports/settings-file.js";
import { defaultSettings, SETTING_FIELDS, SETTING_KEYS, SETTINGS_PREFIX, shownValue } from "./keys.js";
import type { Settings } from "./settings.js";

/** A value that could not be taken. */
export interface SettingProblem {
  /** The key in its documented spelling. */
  readonly key: string;
  /** As found, at most 100 characters, never a password. */
  readonly value: string;
  /** The first line is 1. */
  readonly line: number;
  /** What is wrong, and what stays in force. */
  readonly message: string;
  readonly hint: string;
}

export interface ParsedSettings {
  readonly settings: Settings;
  readonly problems: readonly SettingProblem[];
  /** Names under our prefix that mean nothing to us: most likely a typing error. */
  readonly unknownKeys: readonly { readonly name: string; readonly line: number }[];
  /** Where each key that counts stands. */
  readonly lines: ReadonlyMap<keyof Settings, number>;
}

interface Occurrence {
  readonly value: string;
  readonly line: number;
}

const SHOWN_CHARACTERS = 100;
const PREFIX = SETTINGS_PREFIX.toLowerCase();
const FIELD_BY_NAME = new Map(SETTING_FIELDS.map((field) => [SETTING_KEYS[field].name.toLowerCase(), field]));

/**
 * Reads a settings file's text. A key that is not there has its default; of several, the last one counts; a value that
 * cannot be taken leaves the one of `inForce` as it was and is told as a problem.
 */
export function parseSettings(text: string, readIniLine: ReadIniLine, inForce: Settings): ParsedSettings {
  const { last, unknownKeys } = collect(text, readIniLine);
  const values: Record<keyof Settings, unknown> = { ...defaultSettings };
  const problems: SettingProblem[] = [];
  for (const [field, found] of last) {
    const reading = SETTING_KEYS[field].read(found.value);
    values[field] = reading.ok ? reading.value : inForce[field];
    if (reading.ok) continue;
    problems.push(invalid(field, { value: reading.shown ?? found.value, line: found.line }, reading, inForce));
  }
  problems.sort((a, b) => a.line - b.line);
  const lines = new Map([...last].map(([field, { line }]) => [field, line]));
  return { settings: values as Settings, problems, unknownKeys, lines };
}

/** The problem of a value that cannot be taken. */
export function invalid(
  field: keyof Settings,
  found: Occurrence,
  { complaint, hint }: { readonly complaint: string; readonly hint: string },
  inForce: Settings,
): SettingProblem {
  const key = SETTING_KEYS[field].name;
  const value = presentable(found.value);
  const stays = inWords(shownValue(field, inForce[field]));
  return { key, value, line: found.line, message: `${key}=${value} (line ${found.line}) ${complaint}; it stays ${stays}.`, hint };
}

function collect(text: string, readIniLine: ReadIniLine) {
  const last = new Map<keyof Settings, Occurrence>();
  const unknownKeys: { name: string; line: number }[] = [];
  let section = "";
  for (const [index, lineText] of text.split(/\r\n|\n|\r/).entries()) {
    const read = readIniLine(lineText);
    if (read.kind === "section") section = read.name;
    if (read.kind !== "entry") continue;
    const name = fullName(read.name, section);
    if (name === null) continue;
    const field = FIELD_BY_NAME.get(name.toLowerCase());
    if (field === undefined) unknownKeys.push({ name, line: index + 1 });
    else last.set(field, { value: unquoted(read.value), line: index + 1 });
  }
  return { last, unknownKeys };
}

/** The dotted name of an entry of ours, or null for other technologies' entries. */
function fullName(name: string, section: string): string | null {
  if (name.toLowerCase().startsWith(`${PREFIX}.`)) return name;
  return section.toLowerCase() === PREFIX ? `${SETTINGS_PREFIX}.${name}` : null;
}

/** The ini package leaves the quotes on where what they hold is not JSON, as a Windows path with its single backslashes is not. */
function unquoted(value: string): string {
  return /^"(.*)"$/s.exec(value)?.[1]?.trim() ?? value.trim();
}

function presentable(value: string): string {
  const printable = value.replace(/\p{Cc}/gu, "?");
  return printable.length > SHOWN_CHARACTERS ? `${printable.slice(0, SHOWN_CHARACTERS - 1)}…` : printable;
}

function inWords(value: string | number | boolean | null): string {
  if (value === null || value === "") return "empty";
  return typeof value === "boolean" ? String(Number(value)) : String(value);
}
