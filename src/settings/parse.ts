import { type ProblemDetail, type ProblemText, problemText } from "../faults/problem-catalog.js";
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
import {
  findUnknownEntry,
  findUnknownHeader,
  hasEmbeddedName,
  type UnknownLine,
  unknownLineText,
} from "./unknown-lines.js";

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
}

interface Occurrence {
  readonly value: string;
  readonly line: number;
}

/** The parsers of values can take more than linear time. */
const MAX_VALUE_LENGTH = 4096;
/** The others are counted. */
const MAX_UNKNOWN_LINES = 20;
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
  const { last, unknown } = collectEntries(text, readIniLine);
  const values: Record<keyof Settings, unknown> = { ...defaultSettings };
  const problems: SettingProblem[] = [...unknown];
  for (const [field, occurrence] of last) {
    const isTooLong = occurrence.value.length > MAX_VALUE_LENGTH;
    const result = isTooLong ? TOO_LONG : SETTING_KEYS[field].parse(occurrence.value);
    values[field] = result.ok ? result.value : current[field];
    if (result.ok) continue;
    const { displayText: value = occurrence.value } = result;
    problems.push(invalidValue(field, { ...occurrence, value }, result, current));
  }
  problems.sort((a, b) => a.line - b.line);
  const caFileLine = last.get("caFile")?.line ?? 0;
  return { settings: values as Settings, problems, caFileLine };
}

const TOO_LONG = {
  ok: false,
  reason: `is longer than ${MAX_VALUE_LENGTH} characters`,
  hint: "Write a shorter value.",
  displayText: "…",
} as const;

export function invalidValue(
  field: keyof Settings,
  { value: text, line }: Occurrence,
  { reason, hint }: { readonly reason: string; readonly hint: string },
  current: Settings,
  more: Pick<ProblemDetail, "trusted"> = {},
): SettingProblem {
  const key = SETTING_KEYS[field].name;
  const value = truncate(text);
  const kept = displayValue(field, current[field]);
  const currentText = kept === null || kept === "" ? "empty" : String(fileValue(kept));
  const detail = { key, value, line, reason, hint, current: currentText, ...more };
  return { code: "settingsInvalid", key, line, ...problemText("settingsInvalid", detail) };
}

function collectEntries(text: string, readIniLine: ReadIniLine) {
  const last = new Map<keyof Settings, Occurrence>();
  const unknown = new UnknownSettings();
  let isInOurSection = false;
  for (const { line, content } of splitLines(text)) {
    const iniLine = readIniLine(content);
    if (iniLine.kind === "section") {
      isInOurSection = iniLine.isComplete && iniLine.name.toLowerCase() === PREFIX;
      unknown.add(findUnknownHeader(iniLine, isInOurSection), line);
    }
    if (iniLine.kind !== "entry") continue;
    const field = findField(iniLine.name, isInOurSection);
    if (field === undefined) {
      unknown.add(findUnknownEntry(iniLine, isInOurSection), line);
      continue;
    }
    const { value, verbatimValue } = iniLine;
    if (hasEmbeddedName(value)) unknown.add({ reason: "embedded" }, line);
    const { isVerbatim = false } = SETTING_KEYS[field];
    last.set(field, { value: (isVerbatim ? verbatimValue : value).trim(), line });
  }
  return { last, unknown: unknown.list() };
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
  #notListed = 0;
  #lastLine = 0;

  add(unknown: UnknownLine | null, line: number): void {
    if (unknown === null) return;
    this.#lastLine = line;
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

function truncate(value: string): string {
  const printable = value.replace(/\p{Cc}/gu, "?");
  if (printable.length <= MAX_DISPLAY_LENGTH) return printable;
  return `${printable.slice(0, MAX_DISPLAY_LENGTH - 1)}…`;
}
