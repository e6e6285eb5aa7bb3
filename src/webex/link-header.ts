import { Fault } from "../faults/fault.js";

interface Link {
  readonly target: string;
  /** The relation types, lower-case. */
  readonly relations: readonly string[];
}

/**
 * Returns the `rel="next"` link of a `Link` header (RFC 8288), resolved against `requestUrl`, or
 * null. Throws as `sameOriginUrl` does.
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

/**
 * Resolves `target` against `base`. Throws a `Fault` `webexError` for another origin than that of
 * `apiUrl`, which must not receive the access token. `description` is for the message.
 */
export function sameOriginUrl(
  target: string,
  base: string,
  apiUrl: string,
  description: string,
): string {
  const url = URL.canParse(target, base) ? new URL(target, base) : null;
  if (url === null) {
    throw new Fault("webexError", `Webex's response is invalid: ${description} is not a URL.`);
  }
  // User information in the URL would replace the access token.
  const isSameOrigin = url.origin === new URL(apiUrl).origin;
  if (isSameOrigin && url.username === "" && url.password === "") return url.href;
  throw new Fault(
    "webexError",
    `Webex's response was not followed: ${description} points to another server, ${url.host}.`,
    {
      hint: "Check WebexPresence.ApiUrl, and whether a proxy rewrites Webex's responses. The access token was not sent there.",
    },
  );
}

/** Ignores what is not a link, up to the next `<`. */
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

/** RFC 8288 3.3: only the first of several `rel` parameters applies. */
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
