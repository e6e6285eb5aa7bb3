import { decodeSettings } from "../../settings/decode.js";

type PipedText =
  | { readonly kind: "text"; readonly text: string }
  /** `reason` is a sentence about stdin. */
  | { readonly kind: "undecodable"; readonly reason: string };

const BYTE_ORDER_MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
  [0xef, 0xbb, 0xbf],
];

/** Ctrl+Z, which ends a text on DOS and, typed into a Windows console, today. */
// eslint-disable-next-line no-control-regex
const END_OF_TEXT = /\u001a\s*$/;

/**
 * Decodes what another program writes to stdin: UTF-8, or UTF-16 as PowerShell redirects it, with
 * or without a byte order mark. Unlike a settings file, text in another encoding is undecodable: a
 * secret with a wrong character would be stored, and fail later.
 */
export function decodePiped(bytes: Uint8Array): PipedText {
  const decoded = decode(bytes);
  return decoded.kind === "text"
    ? { kind: "text", text: decoded.text.replace(END_OF_TEXT, "") }
    : decoded;
}

function decode(bytes: Uint8Array): PipedText {
  if (BYTE_ORDER_MARKS.some((mark) => mark.every((byte, at) => bytes[at] === byte)))
    return decodeMarked(bytes);
  if (bytes.includes(0)) {
    const mark = guessUtf16(bytes);
    if (mark !== null) return decodeMarked(Uint8Array.of(...mark, ...bytes));
  }
  try {
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { kind: "undecodable", reason: "Stdin is neither UTF-8 nor UTF-16 text." };
  }
}

function decodeMarked(bytes: Uint8Array): PipedText {
  const decoded = decodeSettings(bytes);
  return decoded.kind === "text"
    ? decoded
    : { kind: "undecodable", reason: `Stdin cannot be decoded: ${decoded.reason}.` };
}

/** The byte order mark of UTF-16 whose characters are mostly ASCII, or null. */
function guessUtf16(bytes: Uint8Array): readonly number[] | null {
  let evenZeros = 0;
  let oddZeros = 0;
  for (const [at, byte] of bytes.entries()) {
    if (byte !== 0) continue;
    if (at % 2 === 0) evenZeros += 1;
    else oddZeros += 1;
  }
  const isMostly = (zeros: number): boolean => zeros > bytes.length / 4;
  if (isMostly(oddZeros) && !isMostly(evenZeros)) return [0xff, 0xfe];
  return isMostly(evenZeros) && !isMostly(oddZeros) ? [0xfe, 0xff] : null;
}
