import { redact } from "../faults/redaction.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";

/** A response to a request of the worker. */
export interface ReceivedResponse extends HttpResponse {
  /** What the response may echo, and no message, log or tracking ID may contain. */
  readonly secrets: readonly Secret[];
}

/** Limits the time that the patterns of `sanitize` take. */
const MAX_INPUT_LENGTH = 2_000;
const MAX_HEADER_LENGTH = 60;
const MAX_TITLE_LENGTH = 80;
/** A title stands at the start of a page. */
const MAX_PAGE_BYTES = 16_384;

/** Created on first use, to spare an idle worker the memory. */
let decoder: InstanceType<typeof TextDecoder> | null = null;

export function decodeText(body: Uint8Array): string {
  decoder ??= new TextDecoder();
  return decoder.decode(body);
}

/**
 * Names what responded, as far as it names itself: by the headers `Server` and `Via` (RFC 9110
 * 10.2.4, 7.6.3), the target of a redirect and the title of an HTML page. For a response that is
 * not Webex's own, this tells an administrator which firewall, proxy or portal to look at. Returns,
 * for example, `403, Server: squid/5.7, page "Access denied"`.
 */
export function describeResponder({ status, headers, body, secrets }: ReceivedResponse): string {
  const parts = [String(status)];
  for (const [label, name] of [
    ["Server", "server"],
    ["Via", "via"],
  ] as const) {
    const value = sanitize(headers[name] ?? "", secrets, MAX_HEADER_LENGTH);
    if (value !== "") parts.push(`${label}: ${value}`);
  }
  const target = findRedirectHost(headers.location ?? "");
  if (target !== null) parts.push(`redirect to ${sanitize(target, secrets, MAX_HEADER_LENGTH)}`);
  const title = sanitize(findTitle(body), secrets, MAX_TITLE_LENGTH);
  if (title !== "") parts.push(`page "${title}"`);
  else if (body.length === 0) parts.push("empty body");
  return parts.join(", ");
}

/** A portal often redirects to itself. The rest of the URL may hold what the request did. */
function findRedirectHost(location: string): string | null {
  if (location.length > MAX_INPUT_LENGTH || !URL.canParse(location)) return null;
  const { host } = new URL(location);
  return host === "" ? null : host;
}

/** The title of an HTML page, or "". Found without a pattern, which a hostile page could slow. */
function findTitle(body: Uint8Array): string {
  const page = decodeText(body.subarray(0, MAX_PAGE_BYTES));
  const lowerCase = page.toLowerCase();
  // A few characters change their length in lower case.
  if (lowerCase.length !== page.length) return "";
  const open = lowerCase.indexOf("<title");
  const start = open === -1 ? -1 : page.indexOf(">", open);
  if (start === -1) return "";
  const end = page.indexOf("<", start);
  return page.slice(start + 1, end === -1 ? undefined : end);
}

/**
 * Makes foreign text fit for a log and a message: one line of at most `maxLength` characters, in
 * which secrets, addresses and whatever looks like a token are replaced.
 */
export function sanitize(text: string, secrets: readonly Secret[], maxLength: number): string {
  const sanitized = redact(text.slice(0, MAX_INPUT_LENGTH), secrets)
    .replace(/&#0*64;?|&#x0*40;?|&commat;/gi, "@")
    .replace(/[^\s<>"'=?&,;()]+(@|%(25)*40)[^\s<>"'&,;()]+/gi, "[address]")
    .replace(/[\w+/=.~-]{40,}/g, "[secret]")
    .replace(/[\s\p{Cc}\p{Cf}\ufffd]+/gu, " ")
    .trim();
  return sanitized.length > maxLength ? `${sanitized.slice(0, maxLength - 1)}…` : sanitized;
}
