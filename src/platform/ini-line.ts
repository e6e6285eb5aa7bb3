import { parse } from "ini";

import type { IniLine } from "../ports/settings-file.js";

const SECTION = "\u0001section";
const MARKER = "\u0001marker";

type Section = Record<string, unknown>;

/**
 * Reads one line like the ini package: its comments, quotes and escapes. `key[]=x` is an entry
 * `key`, and `key` without `=` an entry with an empty value.
 *
 * The package does not report the line of a value, so it parses each line alone: inside a section
 * of our own, because it splits dotted names at the top level, and followed by an entry of our own,
 * which shows whether the line began another section.
 */
export function readIniLine(line: string): IniLine {
  let document: Section;
  try {
    document = parse(`[${SECTION}]\n${line}\n${MARKER}=1`);
  } catch {
    // The package throws at a quoted null in place of a name.
    return { kind: "nothing" };
  }
  const section = document[SECTION] as Section;
  if (!(MARKER in section))
    return { kind: "section", name: findMarkedSection(document, []) ?? "__proto__" };
  const entry = Object.entries(section).find(([name]) => name !== MARKER);
  if (entry === undefined) return { kind: "nothing" };
  const [name, value] = entry;
  return { kind: "entry", name, value: toText(value, line) };
}

/** The package nests `[a.b]`, and drops `[__proto__]` with its entries. */
function findMarkedSection(section: Section, path: readonly string[]): string | null {
  if (MARKER in section) return path.join(".");
  for (const [name, nested] of Object.entries(section)) {
    if (typeof nested !== "object" || nested === null) continue;
    const found = findMarkedSection(nested as Section, [...path, name]);
    if (found !== null) return found;
  }
  return null;
}

/** The package parses `true`, `false`, `null` and text in single quotes as JSON. */
function toText(value: unknown, line: string): string {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  if (last === true && !line.includes("=")) return "";
  return typeof last === "string" ? last : JSON.stringify(last);
}
