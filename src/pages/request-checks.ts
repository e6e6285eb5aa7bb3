import type { LoopbackRequest } from "../ports/loopback-server.js";
import type { Rejection } from "./responses.js";

/** Refuses host names that only DNS rebinding leads here. Returns null for the others. */
export function checkHost({ headers }: LoopbackRequest, port: number): Rejection | null {
  const host = (headers.host ?? "").toLowerCase();
  const allowedHosts = [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`];
  if (allowedHosts.includes(host)) return null;
  return {
    status: 421,
    title: "Wrong address",
    hint: "This page is available at localhost only. Open the address that the worker has reported.",
  };
}

export function checkMethod(request: LoopbackRequest, method: "GET" | "POST"): Rejection | null {
  if (request.method === method) return null;
  return {
    status: 405,
    title: "Method not allowed",
    hint: "Open the address that the worker has reported, and use the buttons on the page.",
    headers: { allow: method },
  };
}

/**
 * Refuses what another site sends. Under `Referrer-Policy: no-referrer`, a browser sends `Origin:
 * null` with the page's own form too (Fetch standard, "append a request Origin header"). In that
 * case, `Sec-Fetch-Site`, which no page can forge, has to confirm the origin. The host has been
 * checked before.
 */
export function checkOrigin({ headers }: LoopbackRequest): Rejection | null {
  const { origin, "sec-fetch-site": site } = headers;
  const host = (headers.host ?? "").toLowerCase();
  const isSameSite = site === "same-origin" || site === "none";
  const isSameOrigin =
    origin === undefined || origin === `http://${host}` || (origin === "null" && isSameSite);
  if (isSameOrigin && (site === undefined || isSameSite)) return null;
  return {
    status: 403,
    title: "Request refused",
    hint: "The request came from another site. Use the button on the worker's own page.",
  };
}

/** Whether a program loads an address that nobody has opened yet. */
export function isPrefetch({ headers }: LoopbackRequest): boolean {
  const { "sec-purpose": secPurpose = "", purpose = "", "x-purpose": xPurpose = "" } = headers;
  const { "x-moz": xMoz = "" } = headers;
  return /\b(prefetch|prerender|preview)\b/i.test([secPurpose, purpose, xPurpose, xMoz].join(" "));
}
