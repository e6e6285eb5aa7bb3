const STREAMS = ["stdin", "stdout", "stderr"] as const;
type StreamName = (typeof STREAMS)[number];

/** The bytes on the worker's pipes, for tests that search them; bounded, dropping the oldest. */
export class Transcript {
  readonly #capacity = 64 * 1024 * 1024;
  #chunks: { readonly stream: StreamName; readonly bytes: Buffer }[] = [];
  #size = 0;
  #dropped = 0;

  /** The number of bytes dropped; a search covers everything only if it is 0. */
  get dropped(): number {
    return this.#dropped;
  }

  record(stream: StreamName, bytes: Buffer): void {
    this.#chunks.push({ stream, bytes });
    this.#size += bytes.length;
    while (this.#size > this.#capacity) {
      const oldest = this.#chunks.shift();
      if (!oldest) return;
      this.#size -= oldest.bytes.length;
      this.#dropped += oldest.bytes.length;
    }
  }

  /** The text of one stream, or of all three, one after the other. */
  text(stream?: StreamName): string {
    const streams = stream ? [stream] : STREAMS;
    return streams
      .map((name) => this.#chunks.filter((chunk) => chunk.stream === name))
      .map((chunks) => Buffer.concat(chunks.map(({ bytes }) => bytes)).toString("utf8"))
      .join("\n");
  }
}
