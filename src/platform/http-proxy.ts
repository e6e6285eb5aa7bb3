import { Fault } from "../faults/fault.js";
import type { HttpRoute } from "../ports/http.js";

/**
 * The proxy for a target, its credentials percent-encoded in the URL, or null for a direct connection. Where the route names none,
 * the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY) decides for https; http is for loopback alone and goes direct. Throws a
 * `Fault` `webexUnreachable` where the proxy's address cannot be used.
 */
export async function proxyFor(target: URL, route: HttpRoute): Promise<URL | null> {
  if (route.proxy === "none") return null;
  if (route.proxy !== "") return withPassword(parse(route.proxy, "WebexPresence.Proxy"), route);
  if (target.protocol !== "https:") return null;
  const { getProxyForUrl } = await import("proxy-from-env");
  const named = getProxyForUrl(target.href);
  return named === "" ? null : encodeCredentials(parse(withOriginalScheme(named), "HTTPS_PROXY"));
}

/** `HTTPS_PROXY=host:port` means an http proxy everywhere (curl, git); proxy-from-env would speak TLS with it. */
function withOriginalScheme(named: string): string {
  if (!named.startsWith("https://")) return named;
  const bare = named.slice("https://".length);
  const { https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY } = process.env;
  return [https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY].includes(bare) ? `http://${bare}` : named;
}

function parse(address: string, source: string): URL {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (
    url !== null &&
    (url.protocol === "http:" || url.protocol === "https:") &&
    url.hostname !== ""
  )
    return url;
  throw new Fault(
    "webexUnreachable",
    `The proxy named by ${source} cannot be used; Webex is not asked.`,
    {
      hint: `Write ${source} as http://host:port.`,
      data: { reason: "proxy" },
    },
  );
}

function withPassword(proxy: URL, route: HttpRoute): URL {
  const named = encodeCredentials(proxy);
  if (named.username !== "" && route.proxyPassword !== null)
    named.password = encodeURIComponent(route.proxyPassword.reveal());
  return named;
}

/** The agents percent-decode user and password, and a lone `%` would make that throw: encode what is not an escape. */
function encodeCredentials(proxy: URL): URL {
  proxy.username = encodeURIComponent(decodePercent(proxy.username));
  proxy.password = encodeURIComponent(decodePercent(proxy.password));
  return proxy;
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
