import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import type { FrameCounter, LineCounter } from "./frame-counter.js";
import { ended } from "./worker-process.js";

type Framing = typeof FrameCounter | typeof LineCounter;

/** A process that answers messages; what is measured is the time until a number of messages has come back. */
export class MessagePeer {
  readonly #input: Writable;
  readonly #counter: FrameCounter | LineCounter;
  readonly #framing: Framing;
  #missing = 0;
  #done: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #kept: Buffer[] | null = null;

  constructor(input: Writable, output: Readable, framing: Framing) {
    this.#input = input;
    this.#framing = framing;
    this.#counter = new framing();
    output.on("data", (chunk: Buffer) => {
      this.#kept?.push(chunk);
      const before = this.#missing;
      this.#missing -= this.#counter.push(chunk);
      if (before > 0 && this.#missing <= 0) this.#done();
    });
    output.on("end", () => this.#fail(new Error("The peer has ended.")));
  }

  static spawn(
    args: readonly string[],
    framing: Framing,
  ): { peer: MessagePeer; child: ChildProcessByStdio<Writable, Readable, null> } {
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    return { peer: new MessagePeer(child.stdin, child.stdout, framing), child };
  }

  static async end(child: ChildProcessByStdio<Writable, Readable, null>): Promise<void> {
    await ended(child);
  }

  /** The messages as bytes, made before the clock runs. */
  bytes(messages: readonly object[]): Buffer {
    return Buffer.concat(messages.map((message) => this.#framing.frame(message)));
  }

  /** Milliseconds from the write of `bytes` until `count` messages have come. */
  async exchange(bytes: Buffer, count: number): Promise<number> {
    const done = new Promise<void>((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
    });
    this.#missing = count;
    const began = performance.now();
    this.#input.write(bytes);
    await done;
    return performance.now() - began;
  }

  /** As `exchange`, for a look at what came. */
  async collect(bytes: Buffer, count: number): Promise<string> {
    this.#kept = [];
    await this.exchange(bytes, count);
    const text = Buffer.concat(this.#kept).toString("utf8");
    this.#kept = null;
    return text;
  }
}
