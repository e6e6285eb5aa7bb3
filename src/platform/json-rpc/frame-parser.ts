/** The largest body a header may announce, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** The longest header, its closing empty line included, in bytes. */
export const MAX_HEADER_BYTES = 8 * 1024;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const COLON = 58;

/** RFC 9110 `token`: what a header's name is made of. */
const IS_TOKEN_BYTE = Array.from({ length: 256 }, (_, byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)"?/i;

export interface FrameSink {
  body(bytes: Buffer): void;
  /** The stream cannot be followed any more. Called once; nothing follows. */
  broken(why: string): void;
}

/**
 * Cuts a byte stream into bodies by their `Content-Length` headers (the Language Server Protocol's base protocol). However the
 * bytes are chunked, the outcome is the same: a header is judged byte by byte, so that a stray line is noticed where it goes
 * wrong and a peer that speaks something else is told at once instead of waiting forever.
 */
export class FrameParser {
  readonly #sink: FrameSink;
  #broken = false;
  // the header being read
  readonly #line = Buffer.allocUnsafe(MAX_HEADER_BYTES);
  #lineLength = 0;
  #headerBytes = 0;
  #colonAt = -1;
  #afterCarriageReturn = false;
  #contentLength: number | null = null;
  // the body being read
  #inBody = false;
  #missing = 0;
  #parts: Buffer[] = [];

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#broken) {
      at = this.#inBody ? this.#readBody(chunk, at) : this.#readHeader(chunk, at);
    }
  }

  #readHeader(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length && !this.#broken; at += 1) {
      const byte = chunk[at] ?? 0;
      this.#headerBytes += 1;
      if (this.#headerBytes > MAX_HEADER_BYTES) {
        this.#break("a header is longer than 8 KiB");
      } else if (byte === LINE_FEED) {
        if (!this.#afterCarriageReturn) this.#break("a header line does not end with CR LF");
        else if (this.#lineLength === 0) {
          this.#endHeader();
          return at + 1;
        } else this.#endLine();
      } else if (this.#afterCarriageReturn) {
        this.#break("a header line holds a lone CR");
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
      else if (IS_TOKEN_BYTE[byte] !== true) this.#break("a header line does not begin with a name");
    }
    this.#line[this.#lineLength] = byte;
    this.#lineLength += 1;
  }

  #endLine(): void {
    if (this.#colonAt < 0) {
      this.#break("a header line has no colon");
      return;
    }
    const name = this.#line.toString("latin1", 0, this.#colonAt).toLowerCase();
    const value = this.#line.toString("latin1", this.#colonAt + 1, this.#lineLength).replace(/^[ \t]+|[ \t]+$/g, "");
    this.#lineLength = 0;
    this.#colonAt = -1;
    this.#afterCarriageReturn = false;
    if (name === "content-length") this.#takeLength(value);
    else if (name === "content-type") this.#takeType(value);
  }

  #takeLength(value: string): void {
    if (this.#contentLength !== null) this.#break("a header has two Content-Length lines");
    else if (!/^\d+$/.test(value)) this.#break("a Content-Length is not a decimal number");
    else if (Number(value) > MAX_BODY_BYTES) this.#break("a Content-Length is over 64 MiB");
    else this.#contentLength = Number(value);
  }

  #takeType(value: string): void {
    const charset = CHARSET.exec(value)?.[1]?.toLowerCase();
    if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") this.#break("a body is not UTF-8");
  }

  #endHeader(): void {
    if (this.#contentLength === null) {
      this.#break("a header has no Content-Length");
      return;
    }
    this.#missing = this.#contentLength;
    this.#contentLength = null;
    this.#headerBytes = 0;
    this.#afterCarriageReturn = false;
    if (this.#missing === 0) this.#sink.body(Buffer.alloc(0));
    else this.#inBody = true;
  }

  #readBody(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#missing);
    const part = chunk.subarray(start, end);
    this.#missing -= part.length;
    if (this.#missing > 0) {
      this.#parts.push(part);
      return end;
    }
    this.#inBody = false;
    const parts = this.#parts;
    if (parts.length === 0) {
      this.#sink.body(part);
      return end;
    }
    this.#parts = [];
    parts.push(part);
    this.#sink.body(Buffer.concat(parts));
    return end;
  }

  #break(why: string): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#parts = [];
    this.#sink.broken(why);
  }
}
