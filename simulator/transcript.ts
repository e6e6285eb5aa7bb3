/** What went over the pipes, for tests that search it; the oldest bytes go when there are too many. */
export class Transcript {
  readonly #capacity: number;
  #chunks: { readonly stream: "stdin" | "stdout" | "stderr"; readonly bytes: Buffer }[] = [];
  #size = 0;
  #dropped = 0;

  constructor(capacityBytes = 64 * 1024 * 1024) {
    this.#capacity = capacityBytes;
  }

  /** How many bytes are gone: 0 means that nothing escapes a search. */
  get dropped(): number {
    return this.#dropped;
  }

  record(stream: "stdin" | "stdout" | "stderr", bytes: Buffer): void {
    this.#chunks.push({ stream, bytes });
    this.#size += bytes.length;
    while (this.#size > this.#capacity) {
      const oldest = this.#chunks.shift();
      if (!oldest) return;
      this.#size -= oldest.bytes.length;
      this.#dropped += oldest.bytes.length;
    }
  }

  /** One stream's text, or the three after each other. */
  text(stream?: "stdin" | "stdout" | "stderr"): string {
    const names = stream ? [stream] : (["stdin", "stdout", "stderr"] as const);
    return names
      .map((name) =>
        Buffer.concat(
          this.#chunks.filter((chunk) => chunk.stream === name).map((chunk) => chunk.bytes),
        ).toString("utf8"),
      )
      .join("\n");
  }
}
