import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";

export type Key = "quit" | "refresh" | "up" | "down" | "pageUp" | "pageDown" | "home" | "end";

const ESCAPE = "\u001b";
// In raw mode, Ctrl+C and Ctrl+D arrive as characters instead of signals.
const KEYS: Readonly<Record<string, Key>> = {
  q: "quit",
  Q: "quit",
  "\u0003": "quit",
  "\u0004": "quit",
  f: "refresh",
  F: "refresh",
  // Arrows come with a bracket or, from a keypad in application mode, with an O. Terminals differ
  // in Home and End.
  "[A": "up",
  OA: "up",
  "[B": "down",
  OB: "down",
  "[5~": "pageUp",
  "[6~": "pageDown",
  "[H": "home",
  OH: "home",
  "[1~": "home",
  "[7~": "home",
  "[F": "end",
  OF: "end",
  "[4~": "end",
  "[8~": "end",
};
/** One key: an escape sequence (ECMA-48), which may be incomplete at the end, or a character. */
// eslint-disable-next-line no-control-regex -- terminals send these
const TOKEN = /\u001b(?:\[[\d;?]*(?:[A-Za-z~]|$)|O(?:[A-Za-z]|$)|$)?|[^]/g;
// eslint-disable-next-line no-control-regex -- terminals send these
const INCOMPLETE = /^\u001b(?:\[[\d;?]*|O)?$/;

/** Finds the keys in what a terminal sends in raw mode; others are ignored. */
export class KeyParser {
  #partial = "";

  /** An escape sequence that ends in the middle of a chunk continues in the next one. */
  feed(chunk: string): Key[] {
    const text = this.#partial + chunk;
    this.#partial = "";
    const keys: Key[] = [];
    for (const [token] of text.matchAll(TOKEN)) {
      if (INCOMPLETE.test(token)) this.#partial = token;
      const key = KEYS[token.startsWith(ESCAPE) ? token.slice(ESCAPE.length) : token];
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }
}

/** Reports keys. Until disposed, the terminal does not echo them. */
export function onKeys(input: ReadStream, listener: (key: Key) => void): Disposer {
  const parser = new KeyParser();
  const handleData = (chunk: Buffer): void => {
    for (const key of parser.feed(chunk.toString("latin1"))) listener(key);
  };
  input.setRawMode(true);
  input.on("data", handleData);
  return () => {
    input.off("data", handleData);
    input.setRawMode(false);
    input.pause();
  };
}
