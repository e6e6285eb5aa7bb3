import type { Exchange } from "./exchange.js";
import type { FaultRule } from "./faults.js";
import type { Knobs } from "./knobs.js";

const DEFAULT_PAGE_SIZE = 100;
const MAX_WITH_CALLING_DATA = 100;
const MAX_WITH_LOCATION = 50;

/** A stretch of the list. */
export interface PageRequest {
  readonly offset: number;
  readonly max: number;
}

interface Cursor extends PageRequest {
  /** Makes each cursor another text, as Webex's are. */
  readonly nonce: number;
}

let nextNonce = 1;

/** What the query asks for, `max` clipped to what the service gives; null when `max` or `cursor` makes no sense. */
export function parsePageRequest(
  query: URLSearchParams,
  knobs: Readonly<Knobs>,
): PageRequest | null {
  const cursor = query.get("cursor");
  const decoded = cursor === null ? null : decodeCursor(cursor);
  if (cursor !== null && !decoded) return null;
  const requestedMax = query.get("max");
  const max = requestedMax === null ? (decoded?.max ?? DEFAULT_PAGE_SIZE) : Number(requestedMax);
  if (!Number.isInteger(max) || max < 1) return null;
  const limit = Math.min(
    knobs.maxPageSize,
    query.get("callingData") === "true" ? MAX_WITH_CALLING_DATA : Infinity,
    query.has("locationId") ? MAX_WITH_LOCATION : Infinity,
  );
  return { offset: decoded?.offset ?? 0, max: Math.min(max, limit) };
}

/** The `Link` header to the page that begins at `offset` (RFC 8288), as the knobs and a fault want it. */
export function linkHeader(
  exchange: Exchange,
  next: PageRequest,
  options: { knobs: Readonly<Knobs>; foreignUrl: string; fault: FaultRule | null },
): string {
  const isLoop = options.fault?.kind === "linkLoop";
  const url = new URL(exchange.url.href);
  url.searchParams.set("max", String(next.max));
  url.searchParams.set(
    "cursor",
    encodeCursor(isLoop ? { offset: 0, max: next.max, nonce: 0 } : { ...next, nonce: nextNonce++ }),
  );
  const address =
    options.fault?.kind === "foreignLink"
      ? url.href.replace(url.origin, options.fault.to ?? options.foreignUrl)
      : url.href;
  switch (options.knobs.linkForm) {
    case "quoted":
      return `<${address}>; rel="next"`;
    case "unquoted":
      return `<${address}>;rel=next`;
    case "several":
      return `<${exchange.origin}/v1/people?max=${next.max}>; rel="first", <${address}>; title="a, b; c"; rel="next"`;
  }
}

function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify([cursor.offset, cursor.max, cursor.nonce])).toString(
    "base64url",
  );
}

function decodeCursor(text: string): Cursor | null {
  try {
    const [offset, max, nonce] = JSON.parse(
      Buffer.from(text, "base64url").toString("utf8"),
    ) as unknown[];
    return typeof offset === "number" && typeof max === "number" && typeof nonce === "number"
      ? { offset, max, nonce }
      : null;
  } catch {
    return null;
  }
}
