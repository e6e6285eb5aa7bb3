import { unsafe } from "ini";

import type { IniLine } from "../ports/settings-file.js";

/**
 * Reads one line: its comments, quotes and escapes like the ini package, which decodes each name
 * and value. `key[]=x` is an entry `key`, and `key` without `=` an entry with an empty value.
 *
 * Headers are recognized here, because the package takes a header that is indented or followed by a
 * comment for a key, and looks for sections within sections by recursion.
 */
export function readIniLine(line: string): IniLine {
  const text = line.trim();
  if (text === "" || isComment(text)) return { kind: "nothing" };
  if (text.startsWith("[")) return readHeader(text);
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const verbatim = verbatimText(name);
  // A header that has lost its opening bracket.
  if (equals < 0 && verbatim.endsWith("]") && !verbatim.includes("["))
    return { kind: "section", name: verbatim.slice(0, -1).trim(), isComplete: false, rest: "" };
  const value = equals < 0 ? "" : text.slice(equals + 1).trim();
  return {
    kind: "entry",
    name: decode(name).replace(/(?<=.)\[\]$/, ""),
    value: decode(value),
    verbatimValue: verbatimText(value),
  };
}

function readHeader(text: string): IniLine {
  const end = text.indexOf("]");
  const after = end < 0 ? "" : text.slice(end + 1).trim();
  return {
    kind: "section",
    name: decode(text.slice(1, end < 0 ? undefined : end).trim()),
    // `[a].b=1` and `[a]=1` are entries for other readers of the file.
    isComplete: end >= 0 && !/^[.=]/.test(after),
    rest: isComment(after) ? "" : after,
  };
}

function isComment(text: string): boolean {
  return text.startsWith(";") || text.startsWith("#");
}

/** The package gives up on a quoted text that a comment follows, and reads `'5'` as a number. */
function decode(text: string): string {
  const quoted = quotedText(text);
  if (quoted === null) return unsafe(text);
  const decoded: unknown = unsafe(`${quoted.quote}${quoted.inner}${quoted.quote}`);
  const isDecoded = typeof decoded === "string" && !decoded.startsWith('"');
  return (isDecoded ? decoded : quoted.inner).trim();
}

/** Without quotes and comment, and every backslash as it is written. */
function verbatimText(text: string): string {
  const quoted = quotedText(text);
  if (quoted !== null) return quoted.inner.trim();
  return (/^(?:\\.|[^\\;#])*\\?/s.exec(text)?.[0] ?? "").trim();
}

/** null: the text does not begin with a quoted part, or something other than a comment follows. */
function quotedText(text: string): { readonly quote: string; readonly inner: string } | null {
  const [, quote, inner] = /^\s*(["'])(.*?)\1\s*(?:[;#].*)?$/s.exec(text) ?? [];
  return quote === undefined || inner === undefined ? null : { quote, inner };
}
