/** The largest body a header may announce, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** The longest header, its closing empty line included, in bytes. */
export const MAX_HEADER_BYTES = 8 * 1024;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const COLON = 58;

/** RFC 9110 `token`: what a header's name is made of. */
const IS_TOKEN_BYTE = Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)),
);
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)"?/i;

export interface FrameHandler {
  body(bytes: Buffer): void;
  /** The stream cannot be followed any more. Called once; nothing follows. */
  invalid(reason: string): void;
}

/**
 * Cuts a byte stream into bodies by their `Content-Length` headers (the Language Server Protocol's base protocol). However the
 * bytes are chunked, the outcome is the same: a header is judged byte by byte, so that a stray line is noticed where it goes
 * wrong and a peer that speaks something else is told at once instead of waiting forever.
 */
export class FrameParser {
  readonly #handler: FrameHandler;
  #isInvalid = false;
  // the header being read
  readonly #line = Buffer.allocUnsafe(MAX_HEADER_BYTES);
  #lineLength = 0;
  #headerBytes = 0;
  #colonAt = -1;
  #afterCarriageReturn = false;
  #contentLength: number | null = null;
  // the body being read
  #isInBody = false;
  #missingBytes = 0;
  #parts: Buffer[] = [];

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isInvalid) {
      at = this.#isInBody ? this.#readBody(chunk, at) : this.#readHeader(chunk, at);
    }
  }

  #readHeader(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length && !this.#isInvalid; at += 1) {
      const byte = chunk[at] ?? 0;
      this.#headerBytes += 1;
      if (this.#headerBytes > MAX_HEADER_BYTES) {
        this.#fail("a header is longer than 8 KiB");
      } else if (byte === LINE_FEED) {
        if (!this.#afterCarriageReturn) this.#fail("a header line does not end with CR LF");
        else if (this.#lineLength === 0) {
          this.#endHeader();
          return at + 1;
        } else this.#endLine();
      } else if (this.#afterCarriageReturn) {
        this.#fail("a header line holds a lone CR");
      } else if (byte === CARRIAGE_RETURN) {
        this.#afterCarriageReturn = true;
      } else {
        this.#addToLine(byte);
      }
    }
    return chunk.length;
  }

  #addToLine(byte: number): void {
    if (this.#colonAt < 0) {
      if (byte === COLON && this.#lineLength > 0) this.#colonAt = this.#lineLength;
      else if (IS_TOKEN_BYTE[byte] !== true) this.#fail("a header line does not begin with a name");
    }
    this.#line[this.#lineLength] = byte;
    this.#lineLength += 1;
  }

  #endLine(): void {
    if (this.#colonAt < 0) {
      this.#fail("a header line has no colon");
      return;
    }
    const name = this.#line.toString("latin1", 0, this.#colonAt).toLowerCase();
    const value = this.#line
      .toString("latin1", this.#colonAt + 1, this.#lineLength)
      .replace(/^[ \t]+|[ \t]+$/g, "");
    this.#lineLength = 0;
    this.#colonAt = -1;
    this.#afterCarriageReturn = false;
    if (name === "content-length") this.#parseContentLength(value);
    else if (name === "content-type") this.#checkContentType(value);
  }

  #parseContentLength(value: string): void {
    if (this.#contentLength !== null) this.#fail("a header has two Content-Length lines");
    else if (!/^\d+$/.test(value)) this.#fail("a Content-Length is not a decimal number");
    else if (Number(value) > MAX_BODY_BYTES) this.#fail("a Content-Length is over 64 MiB");
    else this.#contentLength = Number(value);
  }

  #checkContentType(value: string): void {
    const charset = CHARSET.exec(value)?.[1]?.toLowerCase();
    if (charset !== undefined && charset !== "utf-8" && charset !== "utf8")
      this.#fail("a body is not UTF-8");
  }

  #endHeader(): void {
    if (this.#contentLength === null) {
      this.#fail("a header has no Content-Length");
      return;
    }
    this.#missingBytes = this.#contentLength;
    this.#contentLength = null;
    this.#headerBytes = 0;
    this.#afterCarriageReturn = false;
    if (this.#missingBytes === 0) this.#handler.body(Buffer.alloc(0));
    else this.#isInBody = true;
  }

  #readBody(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#missingBytes);
    const part = chunk.subarray(start, end);
    this.#missingBytes -= part.length;
    if (this.#missingBytes > 0) {
      this.#parts.push(part);
      return end;
    }
    this.#isInBody = false;
    const parts = this.#parts;
    if (parts.length === 0) {
      this.#handler.body(part);
      return end;
    }
    this.#parts = [];
    parts.push(part);
    this.#handler.body(Buffer.concat(parts));
    return end;
  }

  #fail(reason: string): void {
    if (this.#isInvalid) return;
    this.#isInvalid = true;
    this.#parts = [];
    this.#handler.invalid(reason);
  }
}
