type DecodedText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "undecodable"; readonly reason: string };

/** Bytes 0x80 to 0x9F of Windows-1252 (WHATWG Encoding Standard, index-windows-1252). */
const WINDOWS_1252_UPPER = [
  0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
  0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
  0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
];

/** At least eight bytes without a zero: no ASCII character is among that much UTF-16. */
const WITHOUT_ZEROS = /[^\0]{8,}/g;
/** Eight ASCII characters in the wrong byte order, or the byte order mark in it. */
const SWAPPED_UTF16 = new RegExp(
  `[${Array.from({ length: 95 }, (_, at) => `\\u${(0x20 + at).toString(16)}00`).join("")}]{8}|\ufffe`,
);

/**
 * Decodes UTF-8 with or without a byte order mark, UTF-16 with one, and otherwise Windows-1252.
 * Since any bytes are valid Windows-1252, what looks like another, damaged encoding is undecodable.
 *
 * Shells and editors append lines in an encoding of their own. Such lines are decoded where it is
 * certain what they are: single bytes after UTF-16, and Windows-1252 among UTF-8.
 */
export function decodeSettings(bytes: Uint8Array): DecodedText {
  if (startsWith(bytes, [0xff, 0xfe, 0, 0])) {
    return undecodable("it is UTF-32, which is not supported");
  }
  if (startsWith(bytes, [0xff, 0xfe])) return decodeUtf16(bytes.subarray(2), true);
  if (startsWith(bytes, [0xfe, 0xff])) return decodeUtf16(bytes.subarray(2), false);
  return decodeWithoutUtf16(withoutPadding(bytes));
}

function decodeWithoutUtf16(bytes: Uint8Array): DecodedText {
  const zeroAt = bytes.indexOf(0);
  if (zeroAt >= 0) {
    const line = decodeWindows1252(bytes.subarray(0, zeroAt)).split(/\r\n|\n|\r/).length;
    return undecodable(
      `it contains zero bytes (the first in line ${line}), like UTF-16 without a byte order mark`,
    );
  }
  if (!startsWith(bytes, [0xef, 0xbb, 0xbf]))
    return { kind: "text", text: decodeSingleBytes(bytes) };
  const text = decodeUtf8(bytes.subarray(3));
  return text === null
    ? undecodable("it has a UTF-8 byte order mark but contains bytes that are not UTF-8")
    : { kind: "text", text };
}

/** Without the end-of-file character of DOS at the end, and the zeros that may fill up a sector. */
function withoutPadding(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x1a || bytes[end - 1] === 0)) end -= 1;
  const mark = bytes.indexOf(0x1a, end);
  return mark < 0 ? bytes : bytes.subarray(0, mark);
}

function undecodable(reason: string): DecodedText {
  return { kind: "undecodable", reason };
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Not by TextDecoder, since a JavaScript engine need not support UTF-16BE. */
function decodeUtf16(allBytes: Uint8Array, isLittleEndian: boolean): DecodedText {
  // Programs that append DOS's end-of-file character append one byte.
  const hasMark = allBytes.length % 2 !== 0 && allBytes.at(-1) === 0x1a;
  const bytes = hasMark ? allBytes.subarray(0, -1) : allBytes;
  const end = findAppendedBytes(bytes);
  if (end === null) return undecodable("it is UTF-16 but contains lines in another encoding");
  if (end % 2 !== 0) return undecodable("it is UTF-16 and ends in the middle of a character");
  const view = new DataView(bytes.buffer, bytes.byteOffset, end);
  let text = "";
  for (let at = 0; at < end; at += 2) {
    text += String.fromCharCode(view.getUint16(at, isLittleEndian));
  }
  if (/\p{Surrogate}/u.test(text)) return undecodable("it is UTF-16 and contains lone surrogates");
  if (SWAPPED_UTF16.test(text)) return undecodable("it contains UTF-16 in both byte orders");
  // The mark separates what was appended from a line that had no end.
  if (end < bytes.length) text += `\ufeff${decodeSingleBytes(bytes.subarray(end))}`;
  return { kind: "text", text };
}

/**
 * Returns where UTF-16 ends and single bytes follow: the length if none do, or null if they are
 * followed by UTF-16 again.
 */
function findAppendedBytes(bytes: Uint8Array): number | null {
  const text = decodeWindows1252(bytes);
  for (const { 0: run, index } of text.matchAll(WITHOUT_ZEROS)) {
    const isLast = index + run.length === bytes.length;
    const start = index + (index % 2);
    if (isSingleByteText(text.slice(start, index + run.length), isLast ? 8 : 11))
      return isLast ? start : null;
  }
  return bytes.length;
}

/**
 * Text in Chinese or Japanese has few zeros in UTF-16, too. But even where most of its bytes are
 * those of ASCII characters, they do not look like a key or a line end.
 */
function isSingleByteText(text: string, minLength: number): boolean {
  if (/webexpresence/i.test(text)) return true;
  const asciiCount = text.replace(/[^\t\r\n -~]/g, "").length;
  const isAscii = text.length >= minLength && asciiCount >= 0.9 * text.length;
  return isAscii && /\w{4}\s*=|\r\n/.test(text);
}

/** Line by line if it is not all UTF-8: lines may have been appended in Windows-1252. */
function decodeSingleBytes(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text !== null) return text;
  const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  let decoded = "";
  for (let start = 0; start < bytes.length;) {
    const lineFeed = bytes.indexOf(0x0a, start);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    const line = bytes.subarray(start, end);
    // Without `fatal`, since an exception for each line takes long.
    const lineText = lenientUtf8.decode(line);
    decoded += lineText.includes("\ufffd") ? decodeWindows1252(line) : lineText;
    start = end;
  }
  return decoded;
}

/**
 * Not by TextDecoder, since that of Node 20 decodes "windows-1252" as Latin-1, without € and curly
 * quotes.
 */
function decodeWindows1252(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(WINDOWS_1252_UPPER[byte - 0x80] ?? byte);
  return text;
}
