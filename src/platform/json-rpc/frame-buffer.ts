const MIN_BYTES = 16 * 1024;
/** A larger buffer is not kept for the next messages. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024;
/** UTF-8 takes at most three bytes for one of JavaScript's 16-bit characters. */
const MAX_BYTES_PER_CHARACTER = 3;
const MAX_FRAME_HEADER_BYTES = 40;

/** Messages with their headers (the base protocol of LSP 3.17), one behind the other as bytes: each text is turned into bytes once. */
export class FrameBuffer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  add(body: string): void {
    this.#reserve(MAX_FRAME_HEADER_BYTES + body.length * MAX_BYTES_PER_CHARACTER);
    // Most bodies are ASCII: then this is the header already, and the body need not be moved.
    const asciiHeader = headerFor(body.length);
    const start = this.#length + asciiHeader.length;
    const bytes = this.#bytes.write(body, start, "utf8");
    const header = bytes === body.length ? asciiHeader : headerFor(bytes);
    const shift = header.length - asciiHeader.length;
    if (shift > 0) this.#bytes.copyWithin(start + shift, start, start + bytes);
    this.#bytes.write(header, this.#length, "latin1");
    this.#length += header.length + bytes;
  }

  /** All that was added, for the caller to keep; the buffer is empty then. */
  drain(): Buffer {
    const drained = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length <= MAX_KEPT_BYTES) return Buffer.from(drained);
    this.#bytes = Buffer.alloc(0);
    return drained;
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(MIN_BYTES, this.#bytes.length * 2, needed));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function headerFor(bytes: number): string {
  return `Content-Length: ${bytes}\r\n\r\n`;
}
