import { redact } from "./redaction.js";
import type { Secret } from "./secret.js";

/** Limits the time that the patterns take. */
export const MAX_INPUT_LENGTH = 2_000;
/** A title stands at the start of a page. */
const MAX_PAGE_BYTES = 16_384;

/** Created on first use, to spare an idle worker the memory. */
let decoder: InstanceType<typeof TextDecoder> | null = null;

export function decodeText(body: Uint8Array): string {
  decoder ??= new TextDecoder();
  return decoder.decode(body);
}

/** The title of an HTML page, or "". `contentType` is that header, or "". */
export function findTitle(body: Uint8Array, contentType: string): string {
  return decodeReferences(findTitleIn(decodePage(body, contentType)));
}

/** Decodes the start of a page in the charset of its `Content-Type`, by default UTF-8. */
function decodePage(body: Uint8Array, contentType: string): string {
  const start = body.subarray(0, MAX_PAGE_BYTES);
  const charset = /;\s*charset=["']?([\w.:-]{1,40})/i.exec(contentType)?.[1];
  if (charset === undefined || /^utf-?8$/i.test(charset)) return decodeText(start);
  try {
    return new TextDecoder(charset).decode(start);
  } catch {
    return decodeText(start);
  }
}

function findTitleIn(page: string): string {
  // Linear, however hostile the page is.
  const [text = "", ...comments] = page.split("<!--");
  const content = [text, ...comments.map(textAfterComment)].join("");
  const open = content.search(/<title[\s/>]/i);
  const start = open === -1 ? -1 : content.indexOf(">", open);
  if (start === -1) return "";
  const end = content.indexOf("<", start);
  return content.slice(start + 1, end === -1 ? undefined : end).slice(0, MAX_INPUT_LENGTH);
}

function textAfterComment(comment: string): string {
  const end = comment.indexOf("-->");
  return end === -1 ? "" : comment.slice(end + 3);
}

const NAMED_REFERENCES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

/** Decodes the character references of HTML that titles contain. */
function decodeReferences(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi,
    (reference, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return NAMED_REFERENCES[name.toLowerCase()] ?? reference;
      const code = decimal === undefined ? parseInt(hex ?? "", 16) : Number(decimal);
      const isSurrogate = code >= 0xd800 && code <= 0xdfff;
      return isSurrogate || code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
    },
  );
}

/**
 * Makes text of a server, a proxy or a certificate fit for a log and a message: one line of at most
 * `maxLength` characters, in which secrets, addresses and whatever looks like a token are replaced.
 */
export function sanitize(text: string, secrets: readonly Secret[], maxLength: number): string {
  const sanitized = redact(text.slice(0, MAX_INPUT_LENGTH), secrets)
    .replace(/&(?:amp;)*(?:#0*64;?|#x0*40;?|commat;)/gi, "@")
    .replace(/[^\s<>"'=?&,;()]+(@|%(25)*40)[^\s<>"'&,;()]+/gi, "[address]")
    .replace(/[\w+/=.~-]{40,}/g, "[secret]")
    .replace(/[\s\p{Cc}\p{Cf}\ufffd]+/gu, " ")
    .trim();
  return sanitized.length > maxLength ? `${sanitized.slice(0, maxLength - 1)}…` : sanitized;
}

/**
 * What moves a cursor, ends a line, or changes the order or the look of the text around it: control
 * characters (C0, C1), separators of lines and paragraphs, and invisible characters such as the
 * bidirectional ones. The two joiners and the tags stay: names in some scripts, emoji and flags
 * consist of them, and they only affect the characters beside them.
 */
const UNPRINTABLE = /(?:(?!\u200c|\u200d|[\u{e0020}-\u{e007f}])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])+/gu;
const UNPRINTABLE_IN_JSON = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Replaces what must not reach a terminal, a log or a page by spaces. */
export function toPrintable(text: string): string {
  return text.replace(UNPRINTABLE, " ");
}

/** As JSON that is safe to print: what `toPrintable` replaces is escaped, and nothing is lost. */
export function toPrintableJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNPRINTABLE_IN_JSON, escapeCharacter);
}

function escapeCharacter(character: string): string {
  let escaped = "";
  for (let at = 0; at < character.length; at += 1) {
    escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
