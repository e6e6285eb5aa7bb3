import { redact } from "../faults/redaction.js";
import type { Secret } from "../faults/secret.js";

/** Limits the time that the patterns take. */
const MAX_INPUT_LENGTH = 2_000;
/** A title stands at the start of a page. */
const MAX_PAGE_BYTES = 16_384;

/**
 * Makes text of a server, a proxy or a certificate fit for a message: one line of at most
 * `maxLength` characters, in which secrets and whatever looks like a token are replaced.
 */
export function cleanText(
  text: string,
  maxLength: number,
  secrets: readonly Secret[] = [],
): string {
  const cleaned = redact(text.slice(0, MAX_INPUT_LENGTH), secrets)
    .replace(/[\w+/=.~-]{40,}/g, "[secret]")
    .replace(/[\s\p{Cc}\p{Cf}\ufffd]+/gu, " ")
    .trim();
  return cleaned.length > maxLength ? `${cleaned.slice(0, maxLength - 1)}…` : cleaned;
}

/** The title of an HTML page, or "". Found without a pattern, which a hostile page could slow. */
export function findTitle(body: Uint8Array): string {
  const page = new TextDecoder().decode(body.subarray(0, MAX_PAGE_BYTES));
  const open = page.search(/<title/i);
  const start = open === -1 ? -1 : page.indexOf(">", open);
  if (start === -1) return "";
  const end = page.indexOf("<", start);
  return page.slice(start + 1, end === -1 ? undefined : end);
}
