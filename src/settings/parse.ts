import { type ProblemDetail, type ProblemText, problemText } from "../faults/problem-catalog.js";
import type { EntryLine, ReadIniLine } from "../ports/settings-file.js";
import { displayedText, findInvisibleCharacter } from "./displayed-text.js";
import {
  defaultSettings,
  SETTING_FIELDS,
  SETTING_KEYS,
  SETTINGS_PREFIX,
  displayValue,
  fileValue,
  type Settings,
} from "./keys.js";
import {
  findUnknownEntry,
  findUnknownHeader,
  isJoinedLine,
  isShortName,
  type Place,
  resemblesPrefix,
  type UnknownLine,
  unknownLineText,
} from "./unknown-lines.js";
import type { ParseResult } from "./value-parsers.js";

interface SettingProblem {
  readonly code: "settingsInvalid" | "settingsUnknown";
  /** The key of an invalid value, in its documented spelling. */
  readonly key: string | null;
  /** The first line is 1. */
  readonly line: number;
  /** Never contains a password, nor any value of a line that is not a setting. */
  readonly message: string;
  readonly hint: string;
}

export interface ParsedSettings {
  readonly settings: Settings;
  /** In the order of their lines. */
  readonly problems: readonly SettingProblem[];
  /** 0 if `caFile` is not set. */
  readonly caFileLine: number;
  /** Where the last occurrence of each key is that the text contains. */
  readonly lines: ReadonlyMap<keyof Settings, number>;
}

interface Occurrence {
  readonly value: string;
  readonly line: number;
  /** The value contains the name of another setting, as if two lines were joined. */
  readonly isJoined?: boolean;
}

/** The parsers of values can take more than linear time. */
const MAX_VALUE_LENGTH = 4096;
/** The others are counted. */
const MAX_UNKNOWN_LINES = 20;
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
  const { last, unknown } = collectEntries(text, readIniLine);
  const values: Record<keyof Settings, unknown> = { ...defaultSettings };
  const problems: SettingProblem[] = [...unknown];
  for (const [field, occurrence] of last) {
    const result = parseValue(field, occurrence);
    values[field] = result.ok ? result.value : current[field];
    if (result.ok) continue;
    const value = occurrence.value.length > MAX_VALUE_LENGTH ? "…" : occurrence.value;
    problems.push(invalidValue(field, { ...occurrence, value }, result, current));
  }
  problems.sort((a, b) => a.line - b.line);
  const caFileLine = last.get("caFile")?.line ?? 0;
  const lines = new Map([...last].map(([field, { line }]) => [field, line]));
  return { settings: values as Settings, problems, caFileLine, lines };
}

function parseValue(
  field: keyof Settings,
  { value, isJoined = false }: Occurrence,
): ParseResult<unknown> {
  if (value.length > MAX_VALUE_LENGTH) {
    const reason = `is longer than ${MAX_VALUE_LENGTH} characters`;
    return { ok: false, reason, hint: "Write a shorter value." };
  }
  if (isJoined) {
    const reason = "contains the name of another setting, as if two lines were joined";
    return { ok: false, reason, hint: "Begin a new line with that name." };
  }
  const character = field === "caFile" ? null : findInvisibleCharacter(value);
  if (character === null) return SETTING_KEYS[field].parse(value);
  const reason = `contains an invisible character (${character})`;
  return { ok: false, reason, hint: "Type the value again, without copying it." };
}

export function invalidValue(
  field: keyof Settings,
  { value: text, line }: Occurrence,
  { reason, hint }: { readonly reason: string; readonly hint: string },
  current: Settings,
  more: Pick<ProblemDetail, "trusted"> = {},
): SettingProblem {
  const key = SETTING_KEYS[field].name;
  const value = displayedText(text);
  const kept = displayValue(field, current[field]);
  const currentText = kept === null || kept === "" ? "empty" : String(fileValue(kept));
  const detail = { key, value, line, reason, hint, current: currentText, ...more };
  return { code: "settingsInvalid", key, line, ...problemText("settingsInvalid", detail) };
}

function collectEntries(text: string, readIniLine: ReadIniLine) {
  const last = new Map<keyof Settings, Occurrence>();
  const unknown = new UnknownSettings();
  let place: Place = "top";
  for (const { line, content } of splitLines(text)) {
    const iniLine = readIniLine(content);
    const { joinedHeader } = iniLine;
    let isOurs = false;
    if (iniLine.kind === "section") {
      const isOurHeader = iniLine.isComplete && iniLine.name.toLowerCase() === PREFIX;
      place = isOurHeader ? "ourSection" : "foreignSection";
      unknown.endSection();
      unknown.add(findUnknownHeader(iniLine, isOurHeader), line);
    } else if (iniLine.kind === "entry") {
      const field = findField(iniLine.name, place === "ourSection");
      if (field !== undefined) {
        isOurs = true;
        const isJoined = isJoinedLine(iniLine.value, place === "ourSection");
        last.set(field, { value: settingValue(field, iniLine, content), line, isJoined });
        if (isJoined) unknown.add({ reason: "embedded" }, line);
      } else {
        if (isShortName(iniLine.name)) unknown.addPending();
        unknown.add(findUnknownEntry(iniLine, place), line);
      }
      if (field === "caFile" && !endsInJoinedHeader(iniLine)) continue;
    }
    if (joinedHeader === null) continue;
    if (!resemblesPrefix(joinedHeader)) {
      if (place !== "ourSection" && !isOurs) continue;
      unknown.endSection();
      unknown.add({ reason: "joinedHeader" }, line);
      place = "foreignSection";
    } else if (place !== "ourSection") {
      unknown.endSection();
      unknown.add({ reason: "joinedHeader", needsOurKey: true }, line);
    }
  }
  return { last, unknown: unknown.list() };
}

function settingValue(field: keyof Settings, entry: EntryLine, content: string): string {
  if (field === "proxy") {
    const uncut = addressWithCutPassword(content);
    if (uncut !== null) return uncut;
  }
  const isWhole = field === "caFile" && !endsInJoinedHeader(entry);
  const { value, verbatimValue } = isWhole ? entry : entry.valueInFront;
  return (SETTING_KEYS[field].isVerbatim ? verbatimValue : value).trim();
}

/**
 * An unquoted # or ; begins a comment, also in a password: `http://me:1234#5@proxy:3128` would be
 * the proxy `me`, and part of the password its port.
 */
function addressWithCutPassword(content: string): string | null {
  const [word = ""] = content
    .slice(content.indexOf("=") + 1)
    .trim()
    .split(/\s/, 1);
  const comment = word.search(/[#;]/);
  const isCut = comment >= 0 && word.lastIndexOf("@") > comment && /^http:\/\//i.test(word);
  return isCut ? word : null;
}

/** The name of a file can end in brackets, but not behind its extension. */
function endsInJoinedHeader({ verbatimValue, valueInFront: front }: EntryLine): boolean {
  return front.verbatimValue === verbatimValue || /\.[a-z]{2,4}$/i.test(front.verbatimValue);
}

/**
 * A byte order mark (U+FEFF) and the end-of-file character of DOS (U+001A) end a line as well: they
 * are where another text was appended.
 */
function* splitLines(text: string) {
  for (const [index, wholeLine] of text.split(/\r\n|\n|\r/).entries()) {
    const contents = wholeLine.replaceAll("\u001a", "\ufeff").split("\ufeff");
    for (const content of contents) yield { line: index + 1, content };
  }
}

function findField(name: string, isInOurSection: boolean): keyof Settings | undefined {
  const lowerCaseName = name.toLowerCase();
  const field = FIELD_BY_NAME.get(lowerCaseName);
  if (field !== undefined || !isInOurSection) return field;
  return FIELD_BY_NAME.get(`${PREFIX}.${lowerCaseName}`);
}

class UnknownSettings {
  readonly #listed: SettingProblem[] = [];
  #pending: (() => void) | null = null;
  #notListed = 0;
  #lastLine = 0;

  add(unknown: UnknownLine | null, line: number): void {
    if (unknown?.needsOurKey === true) this.#pending = () => this.#add(unknown, line);
    else if (unknown !== null) this.#add(unknown, line);
  }

  /** One of our keys follows in the same section. */
  addPending(): void {
    this.#pending?.();
    this.#pending = null;
  }

  endSection(): void {
    this.#pending = null;
  }

  #add(unknown: UnknownLine, line: number): void {
    this.#lastLine = Math.max(line, this.#lastLine);
    if (this.#listed.length < MAX_UNKNOWN_LINES)
      this.#listed.push(unknownSetting(unknownLineText(unknown, line), line));
    else this.#notListed += 1;
  }

  list(): readonly SettingProblem[] {
    if (this.#notListed === 0) return this.#listed;
    const text = problemText("settingsUnknown", { reason: "more", lines: this.#notListed });
    return [...this.#listed, unknownSetting(text, this.#lastLine)];
  }
}

function unknownSetting(text: ProblemText, line: number): SettingProblem {
  return { code: "settingsUnknown", key: null, line, ...text };
}
