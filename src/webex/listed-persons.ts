import type { HttpResponse } from "../ports/http.js";
import type { ListedPerson, PersonSnapshot } from "../presence/person.js";
import { splitItems, type ByteRange } from "./item-split.js";
import { jsonAnswer, parseJson } from "./json-answer.js";
import { decodePerson, itemsOf } from "./person-decoder.js";

/**
 * What stands in `{items: [...]}`, in its order. A sweep brings megabytes of which next to nothing has changed, so each item is read
 * when somebody asks for it. Throws a `Fault` `webexError` where the answer is not such an object.
 */
export function listedPersons(response: HttpResponse): readonly ListedPerson[] {
  const { body } = response;
  const ranges = splitItems(body);
  // What cannot be split is parsed as a whole, so that its fault is told as of any other answer.
  if (ranges === null) return itemsOf(jsonAnswer(response)).map((item) => new ParsedItem(item));
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return ranges.map((range) => new WrittenItem(view, range));
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

class WrittenItem implements ListedPerson {
  readonly fingerprint: number;
  readonly #view: DataView;
  readonly #range: ByteRange;

  constructor(view: DataView, range: ByteRange) {
    this.fingerprint = fingerprintOf(view, range);
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
function fingerprintOf(view: DataView, { start, end }: ByteRange): number {
  let low = 0x011c9dc5;
  let high = 0x2545f491;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    low = mixed(low, Math.imul(word, 0xcc9e2d51));
    high = mixed(high, Math.imul(word, 0x9e3779b1));
  }
  for (; at < end; at += 1) {
    low = mixed(low, Math.imul(view.getUint8(at), 0xcc9e2d51));
    high = mixed(high, Math.imul(view.getUint8(at), 0x9e3779b1));
  }
  return (finished(high) >>> 12) * 2 ** 32 + (finished(low) >>> 0);
}

function mixed(hash: number, key: number): number {
  const turned = hash ^ ((key << 15) | (key >>> 17));
  return (Math.imul((turned << 13) | (turned >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return second ^ (second >>> 16);
}
