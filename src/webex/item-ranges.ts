import { exceedsDepth } from "../faults/json-depth.js";
import { decodeText } from "../faults/foreign-text.js";

/** From `start` up to, but not including, `end`, in bytes. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const ITEMS_KEY = Array.from('"items"', (character) => character.charCodeAt(0));

/**
 * Limits for a page. Webex sends up to 1,000 items of 1 to 1.5 KB. Millions of empty items, or one
 * of 64 MB, would stall the worker and fill its memory.
 */
export interface ItemLimits {
  readonly maxItems: number;
  readonly maxItemBytes: number;
  /** Of what surrounds the items. */
  readonly maxRestBytes: number;
  /** Levels of arrays and objects: in an item, and in what surrounds the items. */
  readonly maxDepth: number;
}

export interface ItemRanges {
  readonly ranges: readonly ByteRange[];
  /** The number of items beyond the limits, which are not in `ranges`. */
  readonly leftOut: number;
}

/** The offsets of the key and the array of the member `items`. */
interface ItemsMember {
  readonly key: number;
  readonly open: number;
}

/**
 * Returns where the objects of the member `items` are in a JSON object, without parsing them.
 * Parses what surrounds them, to be sure of it. Returns null for anything else: an element that is
 * not an object, a second member `items`, invalid JSON, or too many levels or too much around the
 * items.
 */
export function findItemRanges(body: Uint8Array, limits: ItemLimits): ItemRanges | null {
  const scanner = new JsonScanner(body, limits.maxDepth);
  const member = findItemsMember(scanner);
  if (member === null) return null;
  const items = new ItemCollector(limits);
  const close = collectObjects(scanner, member.open, items);
  if (close === -1) return null;
  const restBytes = body.length - (close - member.open);
  // The first bracket closes the items.
  const isTooDeep = exceedsDepth(body.subarray(close), limits.maxDepth - 1);
  const isValid =
    restBytes <= limits.maxRestBytes && !isTooDeep && isValidAround(body, member, close);
  return isValid ? items : null;
}

class ItemCollector implements ItemRanges {
  readonly ranges: ByteRange[] = [];
  leftOut = 0;
  readonly #limits: ItemLimits;

  constructor(limits: ItemLimits) {
    this.#limits = limits;
  }

  add(start: number, end: number, isTooDeep: boolean): void {
    const { maxItems, maxItemBytes } = this.#limits;
    const isWithinLimits =
      !isTooDeep && this.ranges.length < maxItems && end - start <= maxItemBytes;
    if (isWithinLimits) this.ranges.push({ start, end });
    else this.leftOut += 1;
  }
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
    if (scanner.hasSkippedTooDeep) return null;
  } while (bytes[at] === COMMA);
  return null;
}

/** Adds the objects of the array to `items`. Returns where the array closes, or -1. */
function collectObjects(scanner: JsonScanner, open: number, items: ItemCollector): number {
  const { bytes } = scanner;
  let start = scanner.skipWhitespace(open + 1);
  if (bytes[start] === CLOSE_BRACKET) return start;
  while (bytes[start] === OPEN_BRACE) {
    const end = scanner.skipNested(start);
    items.add(start, end, scanner.hasSkippedTooDeep);
    const next = scanner.skipWhitespace(end);
    if (bytes[next] === CLOSE_BRACKET) return next;
    if (bytes[next] !== COMMA) return -1;
    start = scanner.skipWhitespace(next + 1);
  }
  return -1;
}

/** Whether everything around the items is JSON, without a second `items` in any spelling. */
function isValidAround(body: Uint8Array, { key, open }: ItemsMember, close: number): boolean {
  // The member itself remains, with an empty name and an empty array.
  const segments = [
    body.subarray(0, key + 1),
    body.subarray(key + ITEMS_KEY.length - 1, open + 1),
    body.subarray(close),
  ];
  try {
    const remainder: unknown = JSON.parse(segments.map(decodeText).join(""));
    return !Object.hasOwn(remainder as object, "items");
  } catch {
    return false;
  }
}

/**
 * Skips JSON (RFC 8259) in UTF-8 without parsing it. The results are meaningless if it is not JSON.
 */
class JsonScanner {
  readonly bytes: Uint8Array;
  /** Whether what `skipNested` skipped last has too many levels. */
  hasSkippedTooDeep = false;
  readonly #view: DataView;
  readonly #maxDepth: number;

  constructor(bytes: Uint8Array, maxDepth: number) {
    this.bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skipWhitespace(from: number): number {
    const { bytes } = this;
    let at = from;
    while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) {
      at += 1;
    }
    return at;
  }

  /**
   * Skips the string, object or array at `open`. A single loop, because a sweep has megabytes to
   * skip.
   */
  skipNested(open: number): number {
    const { bytes } = this;
    const view = this.#view;
    const length = bytes.length;
    const lastWordStart = length - 4;
    const maxDepth = this.#maxDepth;
    let depth = 0;
    this.hasSkippedTooDeep = false;
    for (let at = open; at < length;) {
      const byte = bytes[at];
      at += 1;
      if (byte === QUOTE) {
        for (let stringByte = -1; stringByte !== QUOTE;) {
          if (at >= length) return length;
          while (at <= lastWordStart && !hasQuoteOrBackslash(view.getInt32(at, true))) at += 4;
          stringByte = bytes[at] ?? QUOTE;
          at += stringByte === BACKSLASH ? 2 : 1;
        }
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1;
        if (depth > maxDepth) this.hasSkippedTooDeep = true;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
      if (depth === 0) return at;
    }
    return length;
  }

  /** Skips the value of a member. */
  skipValue(from: number): number {
    const { bytes } = this;
    const first = bytes[from];
    if (first === QUOTE || first === OPEN_BRACE || first === OPEN_BRACKET) {
      return this.skipNested(from);
    }
    let at = from;
    while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE_BRACE) at += 1;
    return at;
  }
}

/** Checks four bytes at once, because most of a page is strings. */
function hasQuoteOrBackslash(word: number): boolean {
  const quote = word ^ (QUOTE * 0x01010101);
  const backslash = word ^ (BACKSLASH * 0x01010101);
  return (
    ((((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)) & 0x80808080) !== 0
  );
}
