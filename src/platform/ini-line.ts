import { parse } from "ini";

import type { IniLine } from "../ports/settings-file.js";

const SECTION = "\u0001around";
const MARKER = "\u0001probe";

type Section = Record<string, unknown>;

/**
 * One line as the ini package reads it: its comments, quotes and escapes. `key[]=x` is an entry of `key`, and a `key` without
 * `=` one with an empty value.
 *
 * The package tells nobody which line a value came from, so it is given each line alone: inside a section of ours, because it takes
 * dotted names apart at the top level, and followed by an entry of ours, which shows whether the line has begun another section.
 */
export function readIniLine(line: string): IniLine {
  let document: Section;
  try {
    document = parse(`[${SECTION}]\n${line}\n${MARKER}=1`);
  } catch {
    // The package trips over a quoted null in place of a name.
    return { kind: "nothing" };
  }
  const section = document[SECTION] as Section;
  if (!(MARKER in section))
    return { kind: "section", name: findMarkedSection(document, []) ?? "__proto__" };
  const entry = Object.entries(section).find(([name]) => name !== MARKER);
  if (entry === undefined) return { kind: "nothing" };
  const [name, value] = entry;
  return { kind: "entry", name, value: asText(value, line) };
}

/** The package nests `[a.b]`, and drops `[__proto__]` with all that is in it. */
function findMarkedSection(section: Section, path: readonly string[]): string | null {
  if (MARKER in section) return path.join(".");
  for (const [name, nested] of Object.entries(section)) {
    if (typeof nested !== "object" || nested === null) continue;
    const found = findMarkedSection(nested as Section, [...path, name]);
    if (found !== null) return found;
  }
  return null;
}

/** The package makes `true`, `false` and `null` what they are in JSON, and what stands in single quotes whatever JSON it holds. */
function asText(value: unknown, line: string): string {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  if (last === true && !line.includes("=")) return "";
  return typeof last === "string" ? last : JSON.stringify(last);
}
