export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;

/** JSON (RFC 8259) in UTF-8 that is passed over without being read: where things in it end, if it is JSON at all. Offsets are in bytes. */
export class JsonScanner {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skipWhitespace(from: number): number {
    const { bytes } = this;
    let at = from;
    while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09)
      at += 1;
    return at;
  }

  /** Past the text, object or array that opens at `open`, and all that is in it. One loop, since a sweep passes over megabytes. */
  skipNested(open: number): number {
    const { bytes } = this;
    const view = this.#view;
    const length = bytes.length;
    const lastWordStart = length - 4;
    let depth = 0;
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
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
      if (depth === 0) return at;
    }
    return length;
  }

  /** Past a member's value. */
  skipValue(from: number): number {
    const { bytes } = this;
    const first = bytes[from];
    if (first === QUOTE || first === OPEN_BRACE || first === OPEN_BRACKET)
      return this.skipNested(from);
    let at = from;
    while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE_BRACE) at += 1;
    return at;
  }
}

/** Whether one of the word's four bytes is a quote or a backslash. Texts are most of a page, so they are passed over in words. */
function hasQuoteOrBackslash(word: number): boolean {
  const quote = word ^ (QUOTE * 0x01010101);
  const backslash = word ^ (BACKSLASH * 0x01010101);
  return (
    ((((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)) & 0x80808080) !== 0
  );
}
