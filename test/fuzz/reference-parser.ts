import { isUtf8 } from "node:buffer";

/**
 * A second reading of the protocol's framing, by other means than the product's: of a whole stream,
 * with regular expressions. Where both disagree, one of them is wrong.
 */
export interface ReadStream {
  /** The bodies in front of the end or the first fault. */
  readonly bodies: readonly Buffer[];
  /**
   * `boundary`: the next frame may follow. `header`, `body`: it ends in the middle of one.
   * `invalid`: it cannot be followed.
   */
  readonly end: "boundary" | "header" | "body" | "invalid";
  /** Of `lastBody`. */
  readonly missingBytes: number;
  /** Where the stream ends in the middle of a body. */
  readonly lastBody: Buffer | null;
}

const WHOLE = { missingBytes: 0, lastBody: null } as const;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MARK = "\u00ef\u00bb\u00bf";
/** A whole header, and what can become one. */
const HEADER = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*\r\n)*\r\n/;
const HEADER_START =
  /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*\r\n)*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[^\r\n]*)?)?\r?$/;

export function readStream(bytes: Buffer): ReadStream {
  const bodies: Buffer[] = [];
  let at = 0;
  for (;;) {
    const hasMark = bytes.toString("latin1", at, at + MARK.length) === MARK;
    if (hasMark) at += MARK.length;
    const rest = bytes.toString("latin1", at, at + MAX_HEADER_BYTES + 1);
    if (rest === "") return { bodies, end: hasMark ? "header" : "boundary", ...WHOLE };
    const [header] = HEADER.exec(rest.slice(0, MAX_HEADER_BYTES)) ?? [];
    if (header === undefined) {
      const isMarkBegun = !hasMark && MARK.startsWith(rest);
      const end = isMarkBegun || canBecomeHeader(rest) ? "header" : "invalid";
      return { bodies, end, ...WHOLE };
    }
    const length = contentLength(header);
    if (length === null) return { bodies, end: "invalid", ...WHOLE };
    at += header.length;
    const body = bytes.subarray(at, at + length);
    if (body.length < length)
      return { bodies, end: "body", missingBytes: length - body.length, lastBody: body };
    bodies.push(body);
    at += length;
  }
}

function canBecomeHeader(rest: string): boolean {
  if (rest.length > MAX_HEADER_BYTES) return false;
  if (!HEADER_START.test(rest)) return false;
  // The lines that are complete must be valid already; a length may still follow.
  const lines = rest.slice(0, rest.lastIndexOf("\r\n") + 2);
  return lines === "" || contentLength(`content-length: 0\r\n${lines}`, 2) !== null;
}

/** Null if a line is not valid, or if there are not exactly `count` lengths, or at most so many. */
function contentLength(header: string, maxCount = 1): number | null {
  const lengths: number[] = [];
  for (const line of header.split("\r\n").filter((each) => each !== "")) {
    const [name = "", ...parts] = line.split(":");
    const text = parts.join(":");
    if (name.toLowerCase() === "content-length") {
      const digits = text.replace(/^[ \t]+|[ \t]+$/g, "");
      if (!/^[0-9]+$/.test(digits) || Number(digits) > MAX_BODY_BYTES) return null;
      lengths.push(Number(digits));
    }
    const charset = /;\s*charset\s*=\s*"?([^\s;"]*)"?/i.exec(text);
    const isType = name.toLowerCase() === "content-type";
    if (isType && charset !== null && !/^utf-?8$/i.test(charset[1] ?? "")) return null;
  }
  return lengths.length > maxCount ? null : (lengths.at(-1) ?? null);
}

/** The JSON of a body, or undefined. */
export function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) return undefined;
  try {
    return JSON.parse(body.toString("utf8").replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
}
