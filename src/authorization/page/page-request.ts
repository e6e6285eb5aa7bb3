import type { LoopbackRequest } from "../../ports/loopback-server.js";

export interface PageRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  /** The page's key, from the form of a POST or from the query. */
  readonly key: string | null;
}

/** A request that is refused, and the page that says so. */
export interface Rejection {
  readonly status: number;
  readonly title: string;
  readonly hint: string;
  /** The method to use instead, with status 405. */
  readonly allow?: string;
}

export const PAGE_NOT_OPEN: Rejection = {
  status: 503,
  title: "This page is not open",
  hint: "Open the most recent address that the worker has reported.",
};
export const INVALID_KEY: Rejection = {
  status: 403,
  title: "This address is not valid",
  hint: "Its key is missing or belongs to an earlier page. Open the most recent address that the worker has reported.",
};
export const UNEXPECTED_CALLBACK: Rejection = {
  status: 400,
  title: "This response was not expected",
  hint: "It belongs to no open request, or was used before. Go back to the authorization page and press AUTHORIZE again.",
};

const ALLOWED_METHODS: ReadonlyMap<string, "GET" | "POST"> = new Map([
  ["/", "GET"],
  ["/authorize", "GET"],
  ["/oauth/callback", "GET"],
  ["/events", "GET"],
  ["/page.js", "GET"],
  ["/complete", "POST"],
]);

export function parseRequest({ method, target, body }: LoopbackRequest): PageRequest {
  const queryStart = target.indexOf("?");
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  const query = new URLSearchParams(queryStart === -1 ? "" : target.slice(queryStart + 1));
  const key = (method === "POST" ? new URLSearchParams(body) : query).get("key");
  return { path, query, key };
}

/**
 * Refuses requests that are wrong whatever their key is: host names that only DNS rebinding leads
 * here, unknown paths and methods, and forms of other sites. Returns null for all others.
 */
export function checkRequest(
  request: LoopbackRequest,
  path: string,
  port: number,
): Rejection | null {
  const host = (request.headers.host ?? "").toLowerCase();
  const allowedHosts = [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`];
  if (!allowedHosts.includes(host)) {
    return {
      status: 421,
      title: "Wrong address",
      hint: "This page is available at localhost only. Open the address that the worker has reported.",
    };
  }
  const method = ALLOWED_METHODS.get(path);
  if (method === undefined) {
    return {
      status: 404,
      title: "Page not found",
      hint: "Open the address that the worker has reported, including its key.",
    };
  }
  if (request.method !== method) {
    return {
      status: 405,
      title: "Method not allowed",
      hint: "Open the address that the worker has reported, and use the buttons on the page.",
      allow: method,
    };
  }
  return method === "POST" ? checkForm(request, host) : null;
}

/**
 * Refuses forms of other sites. Under `Referrer-Policy: no-referrer`, a browser sends `Origin:
 * null` with the page's own form too (Fetch standard, "append a request Origin header"). In that
 * case, `Sec-Fetch-Site`, which no page can forge, has to confirm the origin.
 */
function checkForm({ headers }: LoopbackRequest, host: string): Rejection | null {
  const { origin, "sec-fetch-site": site, "content-type": type = "" } = headers;
  const isSameSite = site === "same-origin" || site === "none";
  const isSameOrigin =
    origin === undefined || origin === `http://${host}` || (origin === "null" && isSameSite);
  if (!isSameOrigin || (site !== undefined && !isSameSite)) {
    return {
      status: 403,
      title: "Request refused",
      hint: "The request came from another site. Use the button on the authorization page.",
    };
  }
  if (!type.toLowerCase().startsWith("application/x-www-form-urlencoded")) {
    return {
      status: 415,
      title: "Request refused",
      hint: "Use the button on the authorization page.",
    };
  }
  return null;
}
