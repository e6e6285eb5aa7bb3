/** Counts the messages in a byte stream without looking into them, so that counting costs each contender the same, and little. */
export class FrameCounter {
  #rest: Buffer = Buffer.alloc(0);
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
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    let whole = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#bodyBytesLeft === 0) {
        const headerEnd = bytes.indexOf("\r\n\r\n", at);
        if (headerEnd < 0) {
          this.#rest = bytes.subarray(at);
          break;
        }
        this.#bodyBytesLeft = Number(/Content-Length: (\d+)/.exec(bytes.toString("latin1", at, headerEnd))?.[1]);
        if (!(this.#bodyBytesLeft > 0)) throw new Error("That is not the protocol.");
        at = headerEnd + 4;
      }
      const taken = Math.min(this.#bodyBytesLeft, bytes.length - at);
      this.#bodyBytesLeft -= taken;
      at += taken;
      if (this.#bodyBytesLeft === 0) whole += 1;
    }
    return whole;
  }
}

/** The same for messages that each end with a line feed. */
export class LineCounter {
  static frame(message: object): Buffer {
    return Buffer.from(`${JSON.stringify(message)}\n`);
  }

  push(chunk: Buffer): number {
    let whole = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) whole += 1;
    return whole;
  }
}
