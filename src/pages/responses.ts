import type { LoopbackPage } from "../ports/loopback-server.js";

/** Sent with every response, to keep it out of caches, frames and other sites. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};

/** A request that is refused, and the page that says so. */
export interface Rejection {
  readonly status: number;
  readonly title: string;
  readonly hint: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function redirect(status: 302 | 303, location: string): LoopbackPage {
  return { kind: "page", status, headers: { ...SECURITY_HEADERS, location }, body: "" };
}

/** An empty page that opens `location`, and takes no place in the browser's history. */
export function refresh(location: string): LoopbackPage {
  const headers = {
    ...SECURITY_HEADERS,
    "content-type": "text/html; charset=utf-8",
    refresh: `0;url=${location}`,
  };
  return { kind: "page", status: 200, headers, body: "" };
}

/**
 * An HTML document. Its only inline part is a `<style>` with this nonce; a script comes from a file
 * of the same origin.
 */
export function htmlResponse(
  status: number,
  html: string,
  nonce: string,
  moreHeaders: Readonly<Record<string, string>> = {},
): LoopbackPage {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  const headers = {
    ...SECURITY_HEADERS,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy.join("; "),
    ...moreHeaders,
  };
  return { kind: "page", status, headers, body: html };
}

export function scriptResponse(script: string): LoopbackPage {
  const headers = { ...SECURITY_HEADERS, "content-type": "text/javascript; charset=utf-8" };
  return { kind: "page", status: 200, headers, body: script };
}
