import { createWriteStream } from "node:fs";
import type { Readable, Writable } from "node:stream";

/**
 * Reserves stdin and stdout for the protocol. After that, `process.stdout` is stderr, for `console`
 * too: the host could not recover from a stray line on the real stdout. Must run before anything
 * can print.
 */
export function claimStdio(): { readonly input: Readable; readonly output: Writable } {
  // On Windows, Node makes stdout blocking if it is a pipe (net.Socket, `setBlocking`): a host that
  // stops reading would block the whole worker, its timers and its watch on the host included. A
  // file stream on the same descriptor writes in libuv's thread pool instead. Elsewhere the
  // descriptor of a pipe may be non-blocking, which a file stream cannot handle (EAGAIN).
  const output =
    process.platform === "win32"
      ? createWriteStream("", { fd: 1, autoClose: false })
      : process.stdout;
  const { stdin: input, stderr } = process;
  Object.defineProperty(process, "stdout", { get: () => stderr });
  // The global console keeps the stream of its first use.
  Reflect.set(console, "_stdout", stderr);
  return { input, output };
}
