import { problemText, type ProblemDetail } from "../faults/problem-catalog.js";
import type { ReadIniLine } from "../ports/settings-file.js";
import {
  defaultSettings,
  SETTING_FIELDS,
  SETTING_KEYS,
  SETTINGS_PREFIX,
  displayValue,
  fileValue,
  type Settings,
} from "./keys.js";

interface InvalidValue {
  /** The key in its documented spelling. */
  readonly key: string;
  /** At most 100 characters, never a password. */
  readonly value: string;
  /** The first line is 1. */
  readonly line: number;
  /** Names the reason and the value that stays in effect. */
  readonly message: string;
  readonly hint: string;
}

export interface ParsedSettings {
  readonly settings: Settings;
  readonly problems: readonly InvalidValue[];
  /** Names with our prefix that are not keys, most likely typing errors. */
  readonly unknownKeys: readonly { readonly name: string; readonly line: number }[];
  /** 0 if `caFile` is not set. */
  readonly caFileLine: number;
}

interface Occurrence {
  readonly value: string;
  readonly line: number;
}

const MAX_DISPLAY_LENGTH = 100;
const PREFIX = SETTINGS_PREFIX.toLowerCase();
const FIELD_BY_NAME = new Map(
  SETTING_FIELDS.map((field) => [SETTING_KEYS[field].name.toLowerCase(), field]),
);

/**
 * A missing key has its default, and the last of several occurrences applies. An invalid value is
 * reported, and the value in `current` stays.
 */
export function parseSettings(
  text: string,
  readIniLine: ReadIniLine,
  current: Settings,
): ParsedSettings {
  const { last, unknownKeys } = collectEntries(text, readIniLine);
  const values: Record<keyof Settings, unknown> = { ...defaultSettings };
  const problems: InvalidValue[] = [];
  for (const [field, occurrence] of last) {
    const result = SETTING_KEYS[field].parse(occurrence.value);
    values[field] = result.ok ? result.value : current[field];
    if (result.ok) continue;
    const { displayText: value = occurrence.value } = result;
    problems.push(invalidValue(field, { ...occurrence, value }, result, current));
  }
  problems.sort((a, b) => a.line - b.line);
  const caFileLine = last.get("caFile")?.line ?? 0;
  return { settings: values as Settings, problems, unknownKeys, caFileLine };
}

export function invalidValue(
  field: keyof Settings,
  { value: text, line }: Occurrence,
  { reason, hint }: { readonly reason: string; readonly hint: string },
  current: Settings,
  more: Pick<ProblemDetail, "trusted"> = {},
): InvalidValue {
  const key = SETTING_KEYS[field].name;
  const value = truncate(text);
  const kept = displayValue(field, current[field]);
  const currentText = kept === null || kept === "" ? "empty" : String(fileValue(kept));
  const detail = { key, value, line, reason, hint, current: currentText, ...more };
  return { key, value, line, ...problemText("settingsInvalid", detail) };
}

function collectEntries(text: string, readIniLine: ReadIniLine) {
  const last = new Map<keyof Settings, Occurrence>();
  const unknownKeys: { name: string; line: number }[] = [];
  let section = "";
  for (const [index, lineText] of text.split(/\r\n|\n|\r/).entries()) {
    const iniLine = readIniLine(lineText);
    if (iniLine.kind === "section") section = iniLine.name;
    if (iniLine.kind !== "entry") continue;
    const name = fullName(iniLine.name, section);
    if (name === null) continue;
    const field = FIELD_BY_NAME.get(name.toLowerCase());
    if (field === undefined) unknownKeys.push({ name, line: index + 1 });
    else last.set(field, { value: unquote(iniLine.value), line: index + 1 });
  }
  return { last, unknownKeys };
}

/** Returns the dotted name, or null for an entry of another technology. */
function fullName(name: string, section: string): string | null {
  if (name.toLowerCase().startsWith(`${PREFIX}.`)) return name;
  return section.toLowerCase() === PREFIX ? `${SETTINGS_PREFIX}.${name}` : null;
}

/** The ini package keeps quotes around text that is not JSON, such as a path with backslashes. */
function unquote(value: string): string {
  return /^"(.*)"$/s.exec(value)?.[1]?.trim() ?? value.trim();
}

function truncate(value: string): string {
  const printable = value.replace(/\p{Cc}/gu, "?");
  if (printable.length <= MAX_DISPLAY_LENGTH) return printable;
  return `${printable.slice(0, MAX_DISPLAY_LENGTH - 1)}…`;
}
