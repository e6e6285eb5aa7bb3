import { parseJson } from "./json-answer.js";
import { CLOSE_BRACKET, COLON, COMMA, JsonBytes, OPEN_BRACE, OPEN_BRACKET, QUOTE } from "./json-bytes.js";

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
export function splitItems(body: Uint8Array): readonly ByteRange[] | null {
  const json = new JsonBytes(body);
  const member = itemsMember(json);
  if (member === null) return null;
  const ranges: ByteRange[] = [];
  const close = elements(json, member.open, ranges);
  return close !== -1 && isGoodWithout(body, member, close) ? ranges : null;
}

function itemsMember(json: JsonBytes): ItemsMember | null {
  const { bytes } = json;
  let at = json.afterSpace(0);
  if (bytes[at] !== OPEN_BRACE) return null;
  do {
    const key = json.afterSpace(at + 1);
    if (bytes[key] !== QUOTE) return null;
    const colon = json.afterSpace(json.afterNested(key));
    if (bytes[colon] !== COLON) return null;
    const value = json.afterSpace(colon + 1);
    if (ITEMS_KEY.every((code, index) => bytes[key + index] === code)) {
      return bytes[value] === OPEN_BRACKET ? { key, open: value } : null;
    }
    at = json.afterSpace(json.afterValue(value));
  } while (bytes[at] === COMMA);
  return null;
}

/** Finds the array's objects; returns where it closes, or -1. */
function elements(json: JsonBytes, open: number, ranges: ByteRange[]): number {
  const { bytes } = json;
  let start = json.afterSpace(open + 1);
  if (bytes[start] === CLOSE_BRACKET) return start;
  while (bytes[start] === OPEN_BRACE) {
    const end = json.afterNested(start);
    ranges.push({ start, end });
    const next = json.afterSpace(end);
    if (bytes[next] === CLOSE_BRACKET) return next;
    if (bytes[next] !== COMMA) return -1;
    start = json.afterSpace(next + 1);
  }
  return -1;
}

/** Whether all that stands around the items is JSON, with no second `items` in any spelling. */
function isGoodWithout(body: Uint8Array, { key, open }: ItemsMember, close: number): boolean {
  // The member stays, with no name and nothing in its array.
  const parts = [body.subarray(0, key + 1), body.subarray(key + ITEMS_KEY.length - 1, open + 1), body.subarray(close)];
  const rest = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    rest.set(part, at);
    at += part.length;
  }
  try {
    return !Object.hasOwn(parseJson(rest) as object, "items");
  } catch {
    return false;
  }
}
