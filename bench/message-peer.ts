import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import type { FrameCounter, LineCounter } from "./frame-counter.js";
import { endChild } from "./worker-process.js";

type Framing = typeof FrameCounter | typeof LineCounter;

/** A process that answers messages; what is measured is the time until a number of messages has come back. */
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
    output.on("end", () => this.#onFail(new Error("The peer has ended.")));
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

  /** The messages as bytes, made before the clock runs. */
  bytes(messages: readonly object[]): Buffer {
    return Buffer.concat(messages.map((message) => this.#framing.frame(message)));
  }

  /** Milliseconds from the write of `bytes` until `count` messages have come. */
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

  /** As `exchange`, for a look at what came. */
  async collect(bytes: Buffer, count: number): Promise<string> {
    this.#collected = [];
    await this.exchange(bytes, count);
    const text = Buffer.concat(this.#collected).toString("utf8");
    this.#collected = null;
    return text;
  }
}
