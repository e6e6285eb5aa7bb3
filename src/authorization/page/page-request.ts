import type { LoopbackRequest } from "../../ports/loopback-server.js";

/** A request's path and parameters; the parameters of a POST are those of its form. */
export interface PageRequest {
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface Rejection {
  readonly status: number;
  readonly title: string;
  readonly hint: string;
  /** The method that would do, with 405. */
  readonly allow?: string;
}

export const PAGE_NOT_OPEN: Rejection = {
  status: 503,
  title: "The page is not open",
  hint: "Open the latest address that the worker gave.",
};
export const INVALID_KEY: Rejection = {
  status: 403,
  title: "This address does not open the page",
  hint: "Its key is missing, or belongs to an earlier page. Open the latest address that the worker gave.",
};
export const UNEXPECTED_CALLBACK: Rejection = {
  status: 400,
  title: "This answer was not expected",
  hint: "It belongs to no open request, or was used before. Go back to the authorization page and press AUTHORIZE again.",
};

const ALLOWED_METHODS: Readonly<Record<string, "GET" | "POST">> = {
  "/": "GET",
  "/authorize": "GET",
  "/oauth/callback": "GET",
  "/events": "GET",
  "/page.js": "GET",
  "/complete": "POST",
};

function findAllowedMethod(path: string): "GET" | "POST" | null {
  return Object.hasOwn(ALLOWED_METHODS, path) ? (ALLOWED_METHODS[path] ?? null) : null;
}

export function parsePageRequest(request: LoopbackRequest): PageRequest {
  const queryStart = request.target.indexOf("?");
  if (queryStart === -1) return { path: request.target, query: new URLSearchParams("") };
  return {
    path: request.target.slice(0, queryStart),
    query: new URLSearchParams(request.target.slice(queryStart + 1)),
  };
}

/** What is refused whatever its key: names that only DNS rebinding brings here, unknown paths, foreign forms. */
export function checkRequest(
  request: LoopbackRequest,
  pageRequest: PageRequest,
  port: number,
): Rejection | null {
  const allowedHosts = [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`];
  const host = (request.headers.host ?? "").toLowerCase();
  if (!allowedHosts.includes(host)) {
    return {
      status: 421,
      title: "Wrong address",
      hint: "This page is served at localhost only. Open the address that the worker gave.",
    };
  }
  const method = findAllowedMethod(pageRequest.path);
  if (method === null) {
    return {
      status: 404,
      title: "There is nothing here",
      hint: "Open the address that the worker gave, with its key.",
    };
  }
  if (request.method !== method) {
    return {
      status: 405,
      title: "This cannot be done here",
      hint: "Open the address that the worker gave, and use its buttons.",
      allow: method,
    };
  }
  return method === "POST" ? checkForm(request, host) : null;
}

/**
 * A form from elsewhere is refused. Under `Referrer-Policy: no-referrer` a browser sends `Origin: null` with the page's own form
 * too (Fetch standard, "append a request Origin header"); then `Sec-Fetch-Site`, which no page can forge, has to vouch for it.
 */
function checkForm(request: LoopbackRequest, host: string): Rejection | null {
  const { origin, "sec-fetch-site": site, "content-type": type } = request.headers;
  const isSameSite = site === "same-origin" || site === "none";
  const isSameOrigin =
    origin === undefined || origin === `http://${host}` || (origin === "null" && isSameSite);
  if (!isSameOrigin || (site !== undefined && !isSameSite)) {
    return {
      status: 403,
      title: "Refused",
      hint: "The request came from another site. Use the button on the authorization page.",
    };
  }
  if (!(type ?? "").toLowerCase().startsWith("application/x-www-form-urlencoded")) {
    return { status: 415, title: "Refused", hint: "Use the button on the authorization page." };
  }
  return null;
}
