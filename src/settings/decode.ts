type DecodedText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "undecodable"; readonly reason: string };

/** Bytes 0x80 to 0x9F of Windows-1252 (WHATWG Encoding Standard, index-windows-1252). */
const WINDOWS_1252_UPPER = [
  0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
  0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
  0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
];

/**
 * Decodes UTF-8 with or without a byte order mark, UTF-16 with one, and otherwise Windows-1252.
 * Since any bytes are valid Windows-1252, what looks like another, damaged encoding is undecodable.
 */
export function decodeSettings(bytes: Uint8Array): DecodedText {
  if (startsWith(bytes, [0xff, 0xfe, 0, 0])) {
    return undecodable("it is UTF-32, which is not supported");
  }
  if (startsWith(bytes, [0xff, 0xfe])) return decodeUtf16(bytes.subarray(2), true);
  if (startsWith(bytes, [0xfe, 0xff])) return decodeUtf16(bytes.subarray(2), false);
  if (startsWith(bytes, [0xef, 0xbb, 0xbf])) {
    const text = decodeUtf8(bytes.subarray(3));
    return text === null
      ? undecodable("it has a UTF-8 byte order mark but contains bytes that are not UTF-8")
      : { kind: "text", text };
  }
  if (bytes.includes(0)) {
    return undecodable("it contains zero bytes, like UTF-16 without a byte order mark");
  }
  return { kind: "text", text: decodeUtf8(bytes) ?? decodeWindows1252(bytes) };
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
function decodeUtf16(bytes: Uint8Array, isLittleEndian: boolean): DecodedText {
  if (bytes.length % 2 !== 0) {
    return undecodable("it is UTF-16 and ends in the middle of a character");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    text += String.fromCharCode(view.getUint16(at, isLittleEndian));
  }
  if (/\p{Surrogate}/u.test(text)) return undecodable("it is UTF-16 and contains lone surrogates");
  return { kind: "text", text };
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
