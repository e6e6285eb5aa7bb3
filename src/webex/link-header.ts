import { Fault } from "../faults/fault.js";

interface Link {
  readonly target: string;
  /** The relation types, lower-case. */
  readonly relations: readonly string[];
}

/**
 * The `rel="next"` link of a `Link` header (RFC 8288), resolved against `requestUrl`, or null where there is none. Throws a `Fault`
 * `webexError` where it leads anywhere else than to the origin of `apiUrl`: the bearer goes nowhere else.
 */
export function nextLink(
  header: string | undefined,
  requestUrl: string,
  apiUrl: string,
): string | null {
  if (header === undefined) return null;
  const link = parseLinks(header).find(({ relations }) => relations.includes("next"));
  return link === undefined
    ? null
    : sameOriginUrl(link.target, requestUrl, apiUrl, "the link to the next page");
}

/** `target` resolved against `base`; a `Fault` `webexError` unless it stays at the origin of `apiUrl`. `what` is for the message. */
export function sameOriginUrl(
  target: string,
  base: string,
  apiUrl: string,
  description: string,
): string {
  const url = URL.canParse(target, base) ? new URL(target, base) : null;
  if (url === null)
    throw new Fault(
      "webexError",
      `Webex's answer cannot be followed: ${description} is not an address.`,
    );
  // A user in the address would take the place of the bearer.
  if (url.origin === new URL(apiUrl).origin && url.username === "" && url.password === "")
    return url.href;
  throw new Fault(
    "webexError",
    `Webex's answer was not followed: ${description} leads to another server, ${url.host}.`,
    {
      hint: "Check WebexPresence.ApiUrl, and whether a proxy rewrites Webex's answers; the access token was not sent there.",
    },
  );
}

/** Tolerant: what cannot be read as a link is skipped up to the next `<`. */
export function parseLinks(header: string): readonly Link[] {
  const links: Link[] = [];
  let at = header.indexOf("<");
  while (at !== -1) {
    const close = header.indexOf(">", at);
    if (close === -1) break;
    const parameters = parseParameters(header, close + 1);
    links.push({ target: header.slice(at + 1, close).trim(), relations: parameters.relations });
    at = header.indexOf("<", parameters.end);
  }
  return links;
}

const PARAMETER = /\s*;\s*([^\s=;,"<>]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?/y;

/** The parameters after a `>`; of several `rel` only the first counts (RFC 8288 3.3). */
function parseParameters(
  header: string,
  start: number,
): { relations: readonly string[]; end: number } {
  let relations: readonly string[] | null = null;
  let end = start;
  for (;;) {
    PARAMETER.lastIndex = end;
    const match = PARAMETER.exec(header);
    if (match === null) return { relations: relations ?? [], end };
    end = PARAMETER.lastIndex;
    if (match[1]?.toLowerCase() !== "rel") continue;
    const value = match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "";
    relations ??= value.toLowerCase().split(/\s+/);
  }
}
