/** The largest valid Content-Length. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** The longest valid header, including its empty line. */
export const MAX_HEADER_BYTES = 8 * 1024;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const COLON = 58;
const BYTE_ORDER_MARK = Buffer.from("\ufeff");

/** RFC 9110, `token`: the characters of a header's name. */
const IS_TOKEN_BYTE = Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)),
);
const DECIMAL = /^[ \t]*\d+[ \t]*$/;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)"?/i;

const MIN_BYTES = 16 * 1024;
/** A larger buffer is not kept for the next messages. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;
/** UTF-8 needs at most three bytes for one of JavaScript's 16-bit characters. */
const MAX_BYTES_PER_CHARACTER = 3;
const MAX_FRAME_HEADER_BYTES = 40;

interface FrameHandler {
  body(bytes: Buffer): void;
  /** The stream can no longer be parsed. Called once, and last. */
  invalid(reason: string): void;
}

/**
 * Splits a byte stream into bodies by their `Content-Length` headers (the base protocol of LSP
 * 3.17). The result does not depend on the chunks: headers are checked byte by byte, so that a
 * stray line is detected at its first invalid byte, and a peer that speaks another protocol gets an
 * error instead of silence.
 */
export class FrameParser {
  readonly #handler: FrameHandler;
  #isInvalid = false;
  readonly #line = Buffer.allocUnsafe(MAX_HEADER_BYTES);
  #lineLength = 0;
  #headerBytes = 0;
  /** How much of a byte order mark precedes the header: a .NET StreamWriter writes one. */
  #markBytes = 0;
  #colonIndex = -1;
  #isAfterCarriageReturn = false;
  #contentLength: number | null = null;
  /** Of the body; 0 in a header. */
  #missingBytes = 0;
  #parts: Buffer[] = [];

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let index = 0;
    while (index < chunk.length && !this.#isInvalid) {
      index =
        this.#missingBytes > 0 ? this.#readBody(chunk, index) : this.#readHeader(chunk, index);
    }
  }

  #readHeader(chunk: Buffer, start: number): number {
    for (let index = start; index < chunk.length && !this.#isInvalid; index += 1) {
      const byte = chunk[index] ?? 0;
      if (this.#headerBytes === 0 && byte === BYTE_ORDER_MARK[this.#markBytes]) {
        this.#markBytes += 1;
        continue;
      }
      this.#headerBytes += 1;
      if (this.#markBytes % BYTE_ORDER_MARK.length > 0) {
        this.#fail("a header line does not begin with a name");
      } else if (this.#headerBytes > MAX_HEADER_BYTES) {
        this.#fail("a header is longer than 8 KiB");
      } else if (byte === LINE_FEED) {
        if (!this.#isAfterCarriageReturn) this.#fail("a header line does not end with CR LF");
        else if (this.#lineLength === 0) {
          this.#endHeader();
          return index + 1;
        } else this.#endLine();
      } else if (this.#isAfterCarriageReturn) {
        this.#fail("a header line holds a lone CR");
      } else if (byte === CARRIAGE_RETURN) {
        this.#isAfterCarriageReturn = true;
      } else {
        this.#addToLine(byte);
      }
    }
    return chunk.length;
  }

  #addToLine(byte: number): void {
    if (this.#colonIndex < 0) {
      if (byte === COLON && this.#lineLength > 0) this.#colonIndex = this.#lineLength;
      else if (IS_TOKEN_BYTE[byte] !== true) this.#fail("a header line does not begin with a name");
    }
    this.#line[this.#lineLength] = byte;
    this.#lineLength += 1;
  }

  #endLine(): void {
    if (this.#colonIndex < 0) {
      this.#fail("a header line has no colon");
      return;
    }
    const name = this.#line.toString("latin1", 0, this.#colonIndex).toLowerCase();
    const value = this.#line.toString("latin1", this.#colonIndex + 1, this.#lineLength);
    this.#lineLength = 0;
    this.#colonIndex = -1;
    this.#isAfterCarriageReturn = false;
    if (name === "content-length") {
      if (this.#contentLength !== null) this.#fail("a header has two Content-Length lines");
      else if (!DECIMAL.test(value)) this.#fail("a Content-Length is not a decimal number");
      else if (Number(value) > MAX_BODY_BYTES) this.#fail("a Content-Length is over 64 MiB");
      else this.#contentLength = Number(value);
    } else if (name === "content-type") {
      const charset = CHARSET.exec(value)?.[1] ?? "utf-8";
      if (!/^utf-?8$/i.test(charset)) this.#fail("a body is not UTF-8");
    }
  }

  #endHeader(): void {
    if (this.#contentLength === null) {
      this.#fail("a header has no Content-Length");
      return;
    }
    this.#missingBytes = this.#contentLength;
    this.#contentLength = null;
    this.#headerBytes = 0;
    this.#markBytes = 0;
    this.#isAfterCarriageReturn = false;
    if (this.#missingBytes === 0) this.#handler.body(Buffer.alloc(0));
  }

  #readBody(chunk: Buffer, start: number): number {
    const part = chunk.subarray(start, start + this.#missingBytes);
    this.#missingBytes -= part.length;
    this.#parts.push(part);
    if (this.#missingBytes === 0) {
      const parts = this.#parts;
      this.#parts = [];
      this.#handler.body(parts.length === 1 ? part : Buffer.concat(parts));
    }
    return start + part.length;
  }

  #fail(reason: string): void {
    if (this.#isInvalid) return;
    this.#isInvalid = true;
    this.#parts = [];
    this.#handler.invalid(reason);
  }
}

/** Messages with their headers as one sequence of bytes; each text is encoded only once. */
export class FrameBuffer {
  /** In bytes. */
  length = 0;
  #bytes = Buffer.alloc(0);

  add(body: string): void {
    const maxBytes = MAX_FRAME_HEADER_BYTES + body.length * MAX_BYTES_PER_CHARACTER;
    const needed = this.length + maxBytes;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(MIN_BYTES, this.#bytes.length * 2, needed));
      this.#bytes.copy(grown, 0, 0, this.length);
      this.#bytes = grown;
    }
    // Most bodies are ASCII: then this header is right, and the body need not be moved.
    const asciiHeader = headerFor(body.length);
    const start = this.length + asciiHeader.length;
    const bytes = this.#bytes.write(body, start, "utf8");
    const header = bytes === body.length ? asciiHeader : headerFor(bytes);
    const shift = header.length - asciiHeader.length;
    if (shift > 0) this.#bytes.copyWithin(start + shift, start, start + bytes);
    this.#bytes.write(header, this.length, "latin1");
    this.length += header.length + bytes;
  }

  /** Returns everything that was added, and empties the buffer. */
  drain(): Buffer {
    const drained = this.#bytes.subarray(0, this.length);
    this.length = 0;
    if (this.#bytes.length <= MAX_KEPT_BYTES) return Buffer.from(drained);
    this.#bytes = Buffer.alloc(0);
    return drained;
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
    this.length = 0;
  }
}

function headerFor(bytes: number): string {
  return `Content-Length: ${bytes}\r\n\r\n`;
}
