const SMALLEST_BYTES = 16 * 1024;
/** A larger buffer is not kept for the next messages. */
const LARGEST_KEPT_BYTES = 2 * 1024 * 1024;
/** UTF-8 takes at most three bytes for one of JavaScript's 16-bit characters. */
const MOST_BYTES_A_CHARACTER = 3;
const MOST_HEADER_BYTES = 40;

/** Messages with their headers (the base protocol of LSP 3.17), one behind the other as bytes: each text is turned into bytes once. */
export class FrameBuffer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  add(body: string): void {
    this.#makeRoom(MOST_HEADER_BYTES + body.length * MOST_BYTES_A_CHARACTER);
    // Most bodies are ASCII: then this is the header already, and the body need not be moved.
    const guess = headerFor(body.length);
    const start = this.#length + guess.length;
    const bytes = this.#bytes.write(body, start, "utf8");
    const header = bytes === body.length ? guess : headerFor(bytes);
    const shift = header.length - guess.length;
    if (shift > 0) this.#bytes.copyWithin(start + shift, start, start + bytes);
    this.#bytes.write(header, this.#length, "latin1");
    this.#length += header.length + bytes;
  }

  /** All that was added, for the caller to keep; the buffer is empty then. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length <= LARGEST_KEPT_BYTES) return Buffer.from(taken);
    this.#bytes = Buffer.alloc(0);
    return taken;
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
  }

  #makeRoom(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(SMALLEST_BYTES, this.#bytes.length * 2, wanted));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function headerFor(bytes: number): string {
  return `Content-Length: ${bytes}\r\n\r\n`;
}
