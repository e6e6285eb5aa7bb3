import { parse } from "ini";

import type { IniLine } from "../ports/settings-file.js";

const AROUND = "\u0001around";
const PROBE = "\u0001probe";

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
    document = parse(`[${AROUND}]\n${line}\n${PROBE}=1`);
  } catch {
    // The package trips over a quoted null in place of a name.
    return { kind: "nothing" };
  }
  const around = document[AROUND] as Section;
  if (!(PROBE in around)) return { kind: "section", name: probedSection(document, []) ?? "__proto__" };
  const entry = Object.entries(around).find(([name]) => name !== PROBE);
  if (entry === undefined) return { kind: "nothing" };
  const [name, value] = entry;
  return { kind: "entry", name, value: asText(value, line) };
}

/** The package nests `[a.b]`, and drops `[__proto__]` with all that is in it. */
function probedSection(section: Section, path: readonly string[]): string | null {
  if (PROBE in section) return path.join(".");
  for (const [name, inner] of Object.entries(section)) {
    if (typeof inner !== "object" || inner === null) continue;
    const found = probedSection(inner as Section, [...path, name]);
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
