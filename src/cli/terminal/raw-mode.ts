import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";

/**
 * Switches a terminal to raw mode until disposed: it echoes nothing and sends each key at once. A
 * shell resets the mode when it stops the process, so it is set again when the process continues.
 */
export function enterRawMode(input: ReadStream): Disposer {
  const setAgain = (): void => {
    // libuv ignores the mode that it has set before.
    input.setRawMode(false);
    input.setRawMode(true);
  };
  input.setRawMode(true);
  const stopListening = onContinue(setAgain);
  return () => {
    stopListening();
    input.setRawMode(false);
  };
}

/** Calls the listener when the process continues after a stop (SIGCONT). Windows stops none. */
export function onContinue(listener: () => void): Disposer {
  if (process.platform === "win32") return () => undefined;
  process.on("SIGCONT", listener);
  return () => void process.off("SIGCONT", listener);
}
