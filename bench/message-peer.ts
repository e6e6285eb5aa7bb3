import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import { endChild } from "./worker-process.js";

/** Counts framed messages in a byte stream without parsing them, which keeps the overhead small. */
export class FrameCounter {
  #partial: Buffer = Buffer.alloc(0);
  #bodyBytesLeft = 0;

  static frame(message: object): Buffer {
    const body = JSON.stringify(message);
    return Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  /** The body of the first message. */
  static firstBody(bytes: Buffer): string {
    const header = /^Content-Length: (\d+)\r\n\r\n/.exec(bytes.toString("latin1", 0, 64));
    if (header === null) throw new Error("The bytes are not framed messages.");
    return bytes.toString("utf8", header[0].length, header[0].length + Number(header[1]));
  }

  /** The number of messages that this chunk completes. */
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
        if (!(this.#bodyBytesLeft > 0)) throw new Error("The bytes are not framed messages.");
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

/** Counts messages that each end with a line feed. */
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

type Framing = typeof FrameCounter | typeof LineCounter;

/** A process that responds to messages, and the time it takes for them. */
export class MessagePeer {
  readonly #input: Writable;
  readonly #counter: FrameCounter | LineCounter;
  readonly #framing: Framing;
  #remaining = 0;
  #onDone: () => void = () => undefined;
  #onFail: (error: Error) => void = () => undefined;
  #collected: Buffer[] | null = null;

  constructor(input: Writable, output: Readable, framing: Framing) {
    this.#input = input;
    this.#framing = framing;
    this.#counter = new framing();
    output.on("data", (chunk: Buffer) => {
      this.#collected?.push(chunk);
      const previouslyRemaining = this.#remaining;
      this.#remaining -= this.#counter.push(chunk);
      if (previouslyRemaining > 0 && this.#remaining <= 0) this.#onDone();
    });
    output.on("end", () => this.#onFail(new Error("The peer has exited.")));
  }

  static spawn(
    args: readonly string[],
    framing: Framing,
  ): { peer: MessagePeer; child: ChildProcessByStdio<Writable, Readable, null> } {
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    return { peer: new MessagePeer(child.stdin, child.stdout, framing), child };
  }

  static async stop(child: ChildProcessByStdio<Writable, Readable, null>): Promise<void> {
    await endChild(child);
  }

  /** Encodes messages, which callers do before they start to measure. */
  bytes(messages: readonly object[]): Buffer {
    return Buffer.concat(messages.map((message) => this.#framing.frame(message)));
  }

  /** Resolves with the milliseconds from writing `bytes` until `count` messages are received. */
  async exchange(bytes: Buffer, count: number): Promise<number> {
    const done = new Promise<void>((resolve, reject) => {
      this.#onDone = resolve;
      this.#onFail = reject;
    });
    this.#remaining = count;
    const startedAt = performance.now();
    this.#input.write(bytes);
    await done;
    return performance.now() - startedAt;
  }

  /** Like `exchange`, but resolves with the received text. */
  async collect(bytes: Buffer, count: number): Promise<string> {
    this.#collected = [];
    await this.exchange(bytes, count);
    const text = Buffer.concat(this.#collected).toString("utf8");
    this.#collected = null;
    return text;
  }
}
