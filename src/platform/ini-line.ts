import { unsafe } from "ini";

import type { IniLine, IniValue } from "../ports/settings-file.js";

/**
 * Reads one line: its comments, quotes and escapes like the ini package, which decodes each name
 * and value. `key[]=x` is an entry `key`, and `key` without `=` an entry with an empty value.
 *
 * Headers are recognized here, because the package takes a header that is indented or followed by a
 * comment for a key, and looks for sections within sections by recursion.
 */
export function readIniLine(line: string): IniLine {
  // An invisible character in front of a header or a name, such as U+200B, is none of its letters.
  const text = line.replace(/^[\s\p{Cf}]+/u, "").trimEnd();
  if (text === "" || isComment(text))
    return { kind: "nothing", joinedHeader: headerBehindComment(text) };
  if (text.startsWith("[")) return readHeader(text);
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const verbatim = verbatimText(name);
  // A header that has lost its opening bracket.
  if (equals < 0 && verbatim.endsWith("]") && !verbatim.includes("[")) {
    const lost = { name: verbatim.slice(0, -1).trim(), isComplete: false, rest: "" };
    return { kind: "section", ...lost, joinedHeader: null };
  }
  const value = equals < 0 ? "" : text.slice(equals + 1).trim();
  const joined = findJoinedHeader(equals < 0 ? name : value);
  const wholeValue = readValue(value);
  return {
    kind: "entry",
    name: decode(name).replace(/(?<=.)\[\]$/, ""),
    ...wholeValue,
    joinedHeader: joined?.header ?? null,
    valueInFront: joined === null || equals < 0 ? wholeValue : readValue(joined.front),
  };
}

function readValue(text: string): IniValue {
  return { value: decode(text), verbatimValue: verbatimText(text) };
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
    joinedHeader: findJoinedHeader(after)?.header ?? null,
  };
}

interface JoinedHeader {
  readonly front: string;
  readonly header: string;
}

/** A header at the end of a value, or at the end of the comment behind it; not within quotes. */
function findJoinedHeader(text: string): JoinedHeader | null {
  const quoted = quotedText(text);
  const content = quoted === null ? (UNCOMMENTED.exec(text)?.[0] ?? "") : text;
  const joined = quoted === null ? headerAtEnd(content) : null;
  if (joined !== null) return joined;
  const header = headerBehindComment(quoted === null ? text.slice(content.length) : quoted.comment);
  return header === null ? null : { front: text, header };
}

/** `; end[Sip]`, but neither `;[Sip]` nor `; see [Sip]`, which are comments about a section. */
function headerBehindComment(comment: string): string | null {
  const joined = headerAtEnd(comment);
  return joined !== null && /[\p{L}\p{N}.!?)"']$/u.test(joined.front) ? joined.header : null;
}

/** Names only: `[::1]` and `[1]` are parts of values. */
function headerAtEnd(text: string): JoinedHeader | null {
  const trimmed = text.trimEnd();
  const start = trimmed.endsWith("]") ? trimmed.lastIndexOf("[") : -1;
  if (start < 0) return null;
  const header = trimmed.slice(start + 1, -1).trim();
  const isName = /^\p{L}[\p{L}\p{N} _./\\-]*$/u.test(header);
  return isName ? { front: trimmed.slice(0, start), header } : null;
}

/** Up to an unescaped character that begins a comment. */
const UNCOMMENTED = /^(?:\\.|[^\\;#])*\\?/s;

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
  return (UNCOMMENTED.exec(text)?.[0] ?? "").trim();
}

interface QuotedText {
  readonly quote: string;
  readonly inner: string;
  readonly comment: string;
}

/** null: the text does not begin with a quoted part, or something other than a comment follows. */
function quotedText(text: string): QuotedText | null {
  const [, quote, inner, comment = ""] = /^\s*(["'])(.*?)\1\s*([;#].*)?$/s.exec(text) ?? [];
  return quote === undefined || inner === undefined ? null : { quote, inner, comment };
}
