import { createWriteStream } from "node:fs";
import type { Readable, Writable } from "node:stream";

/**
 * Takes stdin and stdout for the protocol. From then on `process.stdout` is stderr, for `console` too: one stray line on the
 * real stdout would make the host lose its place for good. Call it before anything else can print.
 */
export function claimStdio(): { readonly input: Readable; readonly output: Writable } {
  const input = process.stdin;
  const output = openProtocolOutput();
  const stderr = process.stderr;
  Object.defineProperty(process, "stdout", {
    configurable: true,
    enumerable: true,
    get: () => stderr,
  });
  // The global console looks its stream up once, at its first use, and keeps it here.
  Reflect.set(console, "_stdout", stderr);
  return { input, output };
}

/**
 * On Windows Node makes stdout blocking when it is a pipe (net.Socket, `setBlocking`): a host that stops reading would stop the
 * whole worker, its timers and its watch on the host included. A file stream on the same descriptor writes in libuv's thread
 * pool instead. Elsewhere pipes may be non-blocking at the descriptor, which a file stream does not cope with (EAGAIN).
 */
function openProtocolOutput(): Writable {
  if (process.platform === "win32") return createWriteStream("", { fd: 1, autoClose: false });
  return process.stdout;
}
