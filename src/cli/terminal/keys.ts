import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";

export type LineInput =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "incomplete" }
  | { readonly kind: "cancelled" };

// In raw mode, Ctrl+C and Ctrl+D arrive as characters instead of signals.
const CANCEL_KEYS = ["\u0003", "\u0004"];
const QUIT_KEYS = ["q", "Q", ...CANCEL_KEYS];
const BACKSPACE_KEYS = ["\u0008", "\u007f"];
const CLEAR_LINE_KEY = "\u0015";
const ENTER = /\r\n|\r|\n/;
// Arrow and function keys: an escape, a bracket or O, parameters, a letter (ECMA-48).
// eslint-disable-next-line no-control-regex -- terminals send these
const ESCAPE_SEQUENCE = /\u001b(?:[[O][0-9;?]*[A-Za-z~])?/g;

/** Reports q, Ctrl+C and Ctrl+D. Until disposed, the terminal does not echo keys. */
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

/**
 * Edits a line in a terminal's raw mode. Backspace and Ctrl+U delete, Ctrl+C and Ctrl+D cancel, and
 * other control keys are ignored.
 */
export class LineEditor {
  #characters: string[] = [];
  #pending = "";
  #echo = false;

  startLine(echo: boolean): void {
    this.#characters = [];
    this.#echo = echo;
  }

  /** `echo` is to be written to the terminal. Input after the line is kept for the next one. */
  feed(chunk: string): { readonly echo: string; readonly outcome: LineInput } {
    const text = this.#pending + chunk.replaceAll(ESCAPE_SEQUENCE, "");
    this.#pending = "";
    const enter = ENTER.exec(text);
    const keys = enter === null ? text : text.slice(0, enter.index);
    let echo = "";
    for (const key of keys) {
      if (CANCEL_KEYS.includes(key)) return { echo, outcome: { kind: "cancelled" } };
      echo += this.#handleKey(key);
    }
    if (enter === null) return { echo, outcome: { kind: "incomplete" } };
    this.#pending = text.slice(enter.index + enter[0].length);
    return { echo, outcome: { kind: "line", text: this.#characters.join("") } };
  }

  #handleKey(key: string): string {
    const length = this.#characters.length;
    if (BACKSPACE_KEYS.includes(key)) {
      this.#characters.pop();
      return this.#echo && length > 0 ? "\b \b" : "";
    }
    if (key === CLEAR_LINE_KEY) {
      this.#characters = [];
      return this.#echo ? "\b \b".repeat(length) : "";
    }
    if (/\p{Control}/u.test(key)) return "";
    this.#characters.push(key);
    return this.#echo ? key : "";
  }
}
