import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import { findTitle, sanitize } from "../faults/foreign-text.js";

/** A proxy's own response, instead of what it was to pass on. */
export interface ProxyResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** What a proxy is told of the user, and what no message may therefore contain. */
export interface ProxyCredentials {
  readonly hasUser: boolean;
  readonly hasPassword: boolean;
  readonly secrets: readonly Secret[];
}

export const NO_CREDENTIALS: ProxyCredentials = {
  hasUser: false,
  hasPassword: false,
  secrets: [],
};

export interface ProxyContext {
  /** The proxy, as `host:port`. */
  readonly proxy: string | null;
  /** What the proxy was to connect to, as `host[:port]`. */
  readonly target: string;
  readonly credentials: ProxyCredentials;
}

const NO_USER_HINT =
  "Put the user into WebexPresence.Proxy (http://user@host:port), and save the password with: ucx-webex-presence secret proxy";
const CREDENTIALS_HINT =
  "Check the user in WebexPresence.Proxy (or HTTPS_PROXY), and save the password with: ucx-webex-presence secret proxy";
const SCHEMES_HINT =
  "The worker speaks Basic only. In the proxy, allow this machine's connections to Webex without authentication, or offer Basic.";
const RULES_HINT =
  "Allow the worker's connections to Webex in the proxy, or check WebexPresence.Proxy.";
const UPSTREAM_HINT =
  "The proxy could not connect to Webex itself: check its DNS, its firewall and its route to the internet.";
const OTHER_SERVICE_HINT =
  "Check host and port in WebexPresence.Proxy (or HTTPS_PROXY): another service may listen there, or the proxy may expect TLS (https:// instead of http://).";

const MAX_HEADER_LENGTH = 60;
const MAX_TITLE_LENGTH = 80;
const SHOWN_HEADERS = [
  ["Server", "server"],
  ["Via", "via"],
  ["X-Squid-Error", "x-squid-error"],
] as const;

/** For a proxy that responds itself instead of passing the request on. */
export function proxyFault(response: ProxyResponse, context: ProxyContext): Fault {
  const { status } = response;
  if (!(status >= 100 && status <= 599)) return foreignProxyFault(context.proxy, "");
  // tinyproxy answers 401 to a wrong password.
  const [text, hint] =
    status === 407 || status === 401
      ? explainAuthentication(response, context.credentials)
      : [`responded with ${status} instead of connecting to ${context.target}`, hintFor(status)];
  const details = describe(response, context.credentials.secrets);
  return unreachable(`The proxy ${context.proxy} ${text}${details}.`, hint);
}

/** For what responds to CONNECT, but not as an HTTP proxy does, or closes the connection. */
export function foreignProxyFault(proxy: string | null, message: string, cause?: Error): Fault {
  const text = message.includes("connection ended")
    ? "closed the connection without a response of HTTP"
    : "does not respond as an HTTP proxy does";
  return unreachable(`The proxy ${proxy} ${text}.`, OTHER_SERVICE_HINT, cause);
}

/** Whether the message of an error of https-proxy-agent is about such a proxy. */
export function isForeignProxy(message: string): boolean {
  return /^(Proxy connection ended before|(No|Invalid) header .*from proxy CONNECT)/.test(message);
}

function explainAuthentication(
  { status, headers }: ProxyResponse,
  { hasUser, hasPassword }: ProxyCredentials,
): readonly [text: string, hint: string] {
  const schemes = schemesOf(headers["proxy-authenticate"]);
  if (schemes.length > 0 && !schemes.some((scheme) => scheme.toLowerCase() === "basic")) {
    const names = schemes.slice(0, 4).join(", ");
    return [
      `requires an authentication that the worker does not speak: ${names} (${status})`,
      SCHEMES_HINT,
    ];
  }
  if (!hasUser)
    return [`requires a user and a password, and no user is configured (${status})`, NO_USER_HINT];
  if (!hasPassword)
    return [
      `requires a user and a password, and no password is saved (${status})`,
      CREDENTIALS_HINT,
    ];
  return [`rejected the user and the password that were sent (${status})`, CREDENTIALS_HINT];
}

/** The names of the schemes in a `Proxy-Authenticate` header (RFC 9110 11.7.1). */
function schemesOf(header: string | string[] | undefined): readonly string[] {
  const challenges = [header ?? []]
    .flat()
    .join(", ")
    .slice(0, 2_000)
    .replace(/"[^"]*"/g, "");
  const schemes = challenges
    .split(",")
    .map((part) => /^\s*([A-Za-z][\w-]{0,30})(?:\s|$)/.exec(part)?.[1] ?? "");
  return [...new Set(schemes.filter((scheme) => scheme !== ""))];
}

function hintFor(status: number): string {
  return [500, 502, 503, 504].includes(status) ? UPSTREAM_HINT : RULES_HINT;
}

/** Returns "" or what the proxy says of itself, in brackets with a space before them. */
function describe({ headers, body }: ProxyResponse, secrets: readonly Secret[]): string {
  const parts = SHOWN_HEADERS.flatMap(([label, name]) => {
    const value = sanitize([headers[name] ?? []].flat().join(", "), secrets, MAX_HEADER_LENGTH);
    return value === "" ? [] : [`${label}: ${value}`];
  });
  const title = sanitize(
    findTitle(body, String(headers["content-type"] ?? "")),
    secrets,
    MAX_TITLE_LENGTH,
  );
  if (title !== "") parts.push(`page "${title}"`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function unreachable(message: string, hint: string, cause?: Error): Fault {
  return new Fault("webexUnreachable", message, { hint, data: { reason: "proxy" }, cause });
}
