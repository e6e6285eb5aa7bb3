import type { HttpResponse } from "../ports/http.js";
import type { ListedPerson, PersonSnapshot } from "../presence/person.js";
import { findItemRanges, type ByteRange } from "./item-ranges.js";
import { parseJsonObject, parseJson } from "./json-response.js";
import { decodePerson, requiredItems } from "./person-decoder.js";

/**
 * What stands in `{items: [...]}`, in its order. A sweep brings megabytes of which next to nothing has changed, so each item is read
 * when somebody asks for it. Throws a `Fault` `webexError` where the answer is not such an object.
 */
export function parseListedPersons(response: HttpResponse): readonly ListedPerson[] {
  const { body } = response;
  const ranges = findItemRanges(body);
  // What cannot be split is parsed as a whole, so that its fault is told as of any other answer.
  if (ranges === null)
    return requiredItems(parseJsonObject(response)).map((item) => new ParsedItem(item));
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return ranges.map((range) => new UnparsedItem(view, range));
}

class ParsedItem implements ListedPerson {
  readonly fingerprint = Number.NaN;
  readonly #item: unknown;

  constructor(item: unknown) {
    this.#item = item;
  }

  read(): PersonSnapshot | null {
    return decodePerson(this.#item);
  }
}

class UnparsedItem implements ListedPerson {
  readonly fingerprint: number;
  readonly #view: DataView;
  readonly #range: ByteRange;

  constructor(view: DataView, range: ByteRange) {
    this.fingerprint = hashRange(view, range);
    this.#view = view;
    this.#range = range;
  }

  read(): PersonSnapshot | null {
    const { buffer, byteOffset } = this.#view;
    const { start, end } = this.#range;
    return decodePerson(parseJson(new Uint8Array(buffer, byteOffset + start, end - start)));
  }
}

/** Two independent 32-bit hashes (the steps of MurmurHash3, 32 and 20 bits kept), four bytes at a time. */
function hashRange(view: DataView, { start, end }: ByteRange): number {
  let low = 0x011c9dc5;
  let high = 0x2545f491;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    low = mix(low, Math.imul(word, 0xcc9e2d51));
    high = mix(high, Math.imul(word, 0x9e3779b1));
  }
  for (; at < end; at += 1) {
    low = mix(low, Math.imul(view.getUint8(at), 0xcc9e2d51));
    high = mix(high, Math.imul(view.getUint8(at), 0x9e3779b1));
  }
  return (finalize(high) >>> 12) * 2 ** 32 + (finalize(low) >>> 0);
}

function mix(hash: number, key: number): number {
  const mixed = hash ^ ((key << 15) | (key >>> 17));
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finalize(hash: number): number {
  const h1 = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const h2 = Math.imul(h1 ^ (h1 >>> 13), 0xc2b2ae35);
  return h2 ^ (h2 >>> 16);
}
