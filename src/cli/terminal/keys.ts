import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";

// Ctrl+C and Ctrl+D arrive as bytes while the terminal leaves keys to us.
const QUIT_KEYS = ["q", "Q", "\u0003", "\u0004"];

/** Calls when somebody presses q, Ctrl+C or Ctrl+D; meanwhile keys are not echoed into the picture. */
export function onQuitKey(input: ReadStream, listener: () => void): Disposer {
  const handleData = (chunk: Buffer): void => {
    const keys = chunk.toString("latin1");
    if (QUIT_KEYS.some((key) => keys.includes(key))) listener();
  };
  input.setRawMode(true);
  input.on("data", handleData);
  return () => {
    input.off("data", handleData);
    input.setRawMode(false);
    input.pause();
  };
}
