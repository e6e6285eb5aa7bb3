import type { ReadStream } from "node:tty";

import type { Disposer } from "../faults/emitter.js";

// Ctrl+C and Ctrl+D arrive as bytes while the terminal leaves keys to us.
const END_KEYS = ["q", "Q", "\u0003", "\u0004"];

/** Calls when somebody presses q, Ctrl+C or Ctrl+D; meanwhile keys are not echoed into the picture. */
export function onEndKey(input: ReadStream, listener: () => void): Disposer {
  const read = (chunk: Buffer): void => {
    const keys = chunk.toString("latin1");
    if (END_KEYS.some((key) => keys.includes(key))) listener();
  };
  input.setRawMode(true);
  input.on("data", read);
  return () => {
    input.off("data", read);
    input.setRawMode(false);
    input.pause();
  };
}
