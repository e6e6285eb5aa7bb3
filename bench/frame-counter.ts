/** Counts the messages in a byte stream without looking into them, so that counting costs each contender the same, and little. */
export class FrameCounter {
  #partial: Buffer = Buffer.alloc(0);
  #bodyBytesLeft = 0;

  static frame(message: object): Buffer {
    const body = JSON.stringify(message);
    return Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  /** The text of the first message of several. */
  static firstBody(bytes: Buffer): string {
    const header = /^Content-Length: (\d+)\r\n\r\n/.exec(bytes.toString("latin1", 0, 64));
    if (header === null) throw new Error("That is not the protocol.");
    return bytes.toString("utf8", header[0].length, header[0].length + Number(header[1]));
  }

  /** How many messages have become whole with this chunk. */
  push(chunk: Buffer): number {
    const bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    this.#partial = Buffer.alloc(0);
    let complete = 0;
    for (let offset = 0; offset < bytes.length;) {
      if (this.#bodyBytesLeft === 0) {
        const headerEnd = bytes.indexOf("\r\n\r\n", offset);
        if (headerEnd < 0) {
          this.#partial = bytes.subarray(offset);
          break;
        }
        this.#bodyBytesLeft = Number(
          /Content-Length: (\d+)/.exec(bytes.toString("latin1", offset, headerEnd))?.[1],
        );
        if (!(this.#bodyBytesLeft > 0)) throw new Error("That is not the protocol.");
        offset = headerEnd + 4;
      }
      const consumed = Math.min(this.#bodyBytesLeft, bytes.length - offset);
      this.#bodyBytesLeft -= consumed;
      offset += consumed;
      if (this.#bodyBytesLeft === 0) complete += 1;
    }
    return complete;
  }
}

/** The same for messages that each end with a line feed. */
export class LineCounter {
  static frame(message: object): Buffer {
    return Buffer.from(`${JSON.stringify(message)}\n`);
  }

  push(chunk: Buffer): number {
    let complete = 0;
    for (let offset = chunk.indexOf(10); offset !== -1; offset = chunk.indexOf(10, offset + 1))
      complete += 1;
    return complete;
  }
}
