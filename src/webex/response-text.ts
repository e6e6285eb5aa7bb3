import { findTitle, MAX_INPUT_LENGTH, sanitize } from "../faults/foreign-text.js";
import type { Secret } from "../faults/secret.js";
import type { HttpResponse } from "../ports/http.js";

/** A response to a request of the worker. */
export interface ReceivedResponse extends HttpResponse {
  /** What the response may echo, and no message, log or tracking ID may contain. */
  readonly secrets: readonly Secret[];
}

const MAX_HEADER_LENGTH = 60;
const MAX_TITLE_LENGTH = 80;

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
  const contentType = headers["content-type"] ?? "";
  const title = sanitize(findTitle(body, contentType), secrets, MAX_TITLE_LENGTH);
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
