import type { LoopbackRequest } from "../ports/loopback-server.js";

/** A request's path and parameters; the parameters of a POST are those of its form. */
export interface Visit {
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface Refusal {
  readonly status: number;
  readonly title: string;
  readonly advice: string;
  /** The method that would do, with 405. */
  readonly allow?: string;
}

export const PAGE_NOT_OPEN: Refusal = {
  status: 503,
  title: "The page is not open",
  advice: "Open the latest address that the worker gave.",
};
export const WRONG_KEY: Refusal = {
  status: 403,
  title: "This address does not open the page",
  advice: "Its key is missing, or belongs to an earlier page. Open the latest address that the worker gave.",
};
export const UNEXPECTED_ANSWER: Refusal = {
  status: 400,
  title: "This answer was not expected",
  advice: "It belongs to no open request, or was used before. Go back to the authorization page and press AUTHORIZE again.",
};

const METHOD_OF: Readonly<Record<string, "GET" | "POST">> = {
  "/": "GET",
  "/authorize": "GET",
  "/oauth/callback": "GET",
  "/events": "GET",
  "/page.js": "GET",
  "/complete": "POST",
};

function allowedMethod(path: string): "GET" | "POST" | null {
  return Object.hasOwn(METHOD_OF, path) ? (METHOD_OF[path] ?? null) : null;
}

export function visitOf(request: LoopbackRequest): Visit {
  const mark = request.target.indexOf("?");
  if (mark === -1) return { path: request.target, query: new URLSearchParams("") };
  return { path: request.target.slice(0, mark), query: new URLSearchParams(request.target.slice(mark + 1)) };
}

/** What is refused whatever its key: names that only DNS rebinding brings here, unknown paths, foreign forms. */
export function refusalOf(request: LoopbackRequest, visit: Visit, port: number): Refusal | null {
  const own = [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`];
  const host = (request.headers.host ?? "").toLowerCase();
  if (!own.includes(host)) {
    return {
      status: 421,
      title: "Wrong address",
      advice: "This page is served at localhost only. Open the address that the worker gave.",
    };
  }
  const method = allowedMethod(visit.path);
  if (method === null) {
    return { status: 404, title: "There is nothing here", advice: "Open the address that the worker gave, with its key." };
  }
  if (request.method !== method) {
    return {
      status: 405,
      title: "This cannot be done here",
      advice: "Open the address that the worker gave, and use its buttons.",
      allow: method,
    };
  }
  return method === "POST" ? formRefusal(request, host) : null;
}

/**
 * A form from elsewhere is refused. Under `Referrer-Policy: no-referrer` a browser sends `Origin: null` with the page's own form
 * too (Fetch standard, "append a request Origin header"); then `Sec-Fetch-Site`, which no page can forge, has to vouch for it.
 */
function formRefusal(request: LoopbackRequest, host: string): Refusal | null {
  const { origin, "sec-fetch-site": site, "content-type": type } = request.headers;
  const siteIsOwn = site === "same-origin" || site === "none";
  const originIsOwn = origin === undefined || origin === `http://${host}` || (origin === "null" && siteIsOwn);
  if (!originIsOwn || (site !== undefined && !siteIsOwn)) {
    return {
      status: 403,
      title: "Refused",
      advice: "The request came from another site. Use the button on the authorization page.",
    };
  }
  if (!(type ?? "").toLowerCase().startsWith("application/x-www-form-urlencoded")) {
    return { status: 415, title: "Refused", advice: "Use the button on the authorization page." };
  }
  return null;
}
