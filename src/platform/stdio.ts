import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";

import type { EnvironmentNotice } from "./environment.js";

/** Output kept for a host that does not read stderr, or reads it more slowly than it comes. */
const MAX_UNREAD_BYTES = 1024 * 1024;

interface Stdio {
  readonly input: Readable;
  readonly output: Writable;
  /** What to log. */
  readonly notices: readonly EnvironmentNotice[];
}

/**
 * Reserves stdin and stdout for the protocol. After that, `process.stdout` is stderr, for `console`
 * too: the host could not recover from a stray line on the real stdout. Neither stdout nor stderr
 * blocks the worker if the host does not read it. Must run before anything can print.
 */
export function claimStdio(): Stdio {
  const { stdin: input, stdout: output, stderr } = process;
  const isUnblocked = [output, stderr].map((stream) => unblock(stream)).every(Boolean);
  // A host may close stderr.
  stderr.on("error", () => undefined);
  Object.defineProperty(process, "stdout", { get: () => stderr });
  // The global console keeps the stream of its first use.
  Reflect.set(console, "_stdout", stderr);
  return { input, output, notices: isUnblocked ? [] : [BLOCKING_NOTICE] };
}

const BLOCKING_NOTICE: EnvironmentNotice = {
  level: "warn",
  message: `Node.js ${process.version} does not let the worker write to the host without waiting for it. Presence is not affected while the host reads stdout and stderr. If it stops reading one of them, the worker stops too, and may not end with the host. Run the worker with a version of Node.js that docs/operations.md names.`,
};

/**
 * Node.js makes stdout and stderr synchronous on Windows if they are pipes: it sets the pipe to
 * blocking, and gives the stream methods of its own that write to the descriptor. A host that stops
 * reading would block the whole worker, its timers and its watch on the host included. No public
 * API changes that. The other members of `net.Socket` write without blocking, as on other systems,
 * and what they have not written does not keep the process from exiting. Returns false if this
 * version of Node.js does not have what that takes.
 */
export function unblock(stream: Writable, platform = process.platform): boolean {
  const isPipe = stream instanceof Socket && !("isTTY" in stream && stream.isTTY === true);
  if (platform !== "win32" || !isPipe) return true;
  const { _handle: handle } = stream as { _handle?: { setBlocking?(value: boolean): number } };
  if (handle?.setBlocking?.(false) !== 0) return false;
  // Not a new socket on the handle: that would close it after an error, and on Windows closing a
  // pipe waits for the write that nobody reads.
  Reflect.deleteProperty(stream, "_write");
  Reflect.deleteProperty(stream, "_writev");
  return true;
}

interface StderrListener {
  /** A line was dropped; called once until `onRead`. */
  onUnread(): void;
  /** The host has read everything that was kept. */
  onRead(droppedLines: number): void;
}

/** stderr for the log. Drops lines that the host does not read fast enough, and never fails. */
export class StderrSink {
  readonly #stream: Writable;
  readonly #listener: StderrListener;
  #pendingWrites = 0;
  #droppedLines = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(stream: Writable, listener: StderrListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on("error", () => undefined).on("close", () => this.#settle());
  }

  write(line: string | Buffer): void {
    if (this.#stream.destroyed) return;
    if (this.#stream.writableLength >= MAX_UNREAD_BYTES) {
      this.#droppedLines += 1;
      // Later, because the listener logs, and this is called while a record is being logged.
      if (this.#droppedLines === 1) setImmediate(() => this.#listener.onUnread());
      return;
    }
    this.#pendingWrites += 1;
    this.#stream.write(line, (error) => {
      this.#pendingWrites -= 1;
      if (this.#pendingWrites > 0) return;
      this.#settle();
      if (this.#droppedLines === 0 || error) return;
      const droppedLines = this.#droppedLines;
      this.#droppedLines = 0;
      this.#listener.onRead(droppedLines);
    });
  }

  /** Resolves when the host has read everything, or stderr is broken. */
  async flush(): Promise<void> {
    if (this.#pendingWrites > 0 && !this.#stream.destroyed)
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  #settle(): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
