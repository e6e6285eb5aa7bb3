import { parseJson } from "./json-response.js";
import {
  CLOSE_BRACKET,
  COLON,
  COMMA,
  JsonScanner,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from "./json-bytes.js";

/** From `start` up to, but not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The member `items`: where its key and its array begin. */
interface ItemsMember {
  readonly key: number;
  readonly open: number;
}

const ITEMS_KEY = Array.from('"items"', (character) => character.charCodeAt(0));

/**
 * Where the objects of the member `items` stand in a JSON object, without reading them; everything around them is parsed, to be sure. Null for
 * anything that is not of this form: an element that is no object, another `items` beside it, no JSON at all.
 */
export function findItemRanges(body: Uint8Array): readonly ByteRange[] | null {
  const scanner = new JsonScanner(body);
  const member = findItemsMember(scanner);
  if (member === null) return null;
  const ranges: ByteRange[] = [];
  const close = collectObjects(scanner, member.open, ranges);
  return close !== -1 && isValidAround(body, member, close) ? ranges : null;
}

function findItemsMember(scanner: JsonScanner): ItemsMember | null {
  const { bytes } = scanner;
  let at = scanner.skipWhitespace(0);
  if (bytes[at] !== OPEN_BRACE) return null;
  do {
    const key = scanner.skipWhitespace(at + 1);
    if (bytes[key] !== QUOTE) return null;
    const colon = scanner.skipWhitespace(scanner.skipNested(key));
    if (bytes[colon] !== COLON) return null;
    const value = scanner.skipWhitespace(colon + 1);
    if (ITEMS_KEY.every((code, index) => bytes[key + index] === code)) {
      return bytes[value] === OPEN_BRACKET ? { key, open: value } : null;
    }
    at = scanner.skipWhitespace(scanner.skipValue(value));
  } while (bytes[at] === COMMA);
  return null;
}

/** Finds the array's objects; returns where it closes, or -1. */
function collectObjects(scanner: JsonScanner, open: number, ranges: ByteRange[]): number {
  const { bytes } = scanner;
  let start = scanner.skipWhitespace(open + 1);
  if (bytes[start] === CLOSE_BRACKET) return start;
  while (bytes[start] === OPEN_BRACE) {
    const end = scanner.skipNested(start);
    ranges.push({ start, end });
    const next = scanner.skipWhitespace(end);
    if (bytes[next] === CLOSE_BRACKET) return next;
    if (bytes[next] !== COMMA) return -1;
    start = scanner.skipWhitespace(next + 1);
  }
  return -1;
}

/** Whether all that stands around the items is JSON, with no second `items` in any spelling. */
function isValidAround(body: Uint8Array, { key, open }: ItemsMember, close: number): boolean {
  // The member stays, with no name and nothing in its array.
  const segments = [
    body.subarray(0, key + 1),
    body.subarray(key + ITEMS_KEY.length - 1, open + 1),
    body.subarray(close),
  ];
  const remainder = new Uint8Array(
    segments.reduce((length, segment) => length + segment.length, 0),
  );
  let at = 0;
  for (const segment of segments) {
    remainder.set(segment, at);
    at += segment.length;
  }
  try {
    return !Object.hasOwn(parseJson(remainder) as object, "items");
  } catch {
    return false;
  }
}
