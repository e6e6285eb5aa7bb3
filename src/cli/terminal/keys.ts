import { StringDecoder } from "node:string_decoder";
import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";
import { enterRawMode } from "./raw-mode.js";

type KeyName =
  | "up"
  | "down"
  | "pageUp"
  | "pageDown"
  | "home"
  | "end"
  | "enter"
  | "escape"
  | "backspace"
  | "clearLine"
  | "interrupt";

/** A key that a user pressed. */
export type Key =
  { readonly name: KeyName } | { readonly name: "character"; readonly character: string };

/** What a key does in a table while no text is being typed. */
export type Command =
  | Exclude<KeyName, "enter" | "backspace" | "clearLine" | "interrupt">
  | "quit"
  | "refresh"
  | "search"
  | "nextState"
  | "previousState"
  | "help";

const ESCAPE = "\u001b";
// In raw mode, Ctrl+C and Ctrl+D arrive as characters instead of signals.
const NAMED_KEYS: Readonly<Record<string, KeyName>> = {
  "\u0003": "interrupt",
  "\u0004": "interrupt",
  "\r": "enter",
  "\n": "enter",
  "\u0008": "backspace",
  "\u007f": "backspace",
  "\u0015": "clearLine",
  [ESCAPE]: "escape",
  // Arrows come with a bracket or, from a keypad in application mode, with an O. Terminals differ
  // in Home and End.
  [`${ESCAPE}[A`]: "up",
  [`${ESCAPE}OA`]: "up",
  [`${ESCAPE}[B`]: "down",
  [`${ESCAPE}OB`]: "down",
  [`${ESCAPE}[5~`]: "pageUp",
  [`${ESCAPE}[6~`]: "pageDown",
  [`${ESCAPE}[H`]: "home",
  [`${ESCAPE}OH`]: "home",
  [`${ESCAPE}[1~`]: "home",
  [`${ESCAPE}[7~`]: "home",
  [`${ESCAPE}[F`]: "end",
  [`${ESCAPE}OF`]: "end",
  [`${ESCAPE}[4~`]: "end",
  [`${ESCAPE}[8~`]: "end",
};
const COMMANDS: Readonly<Record<string, Command>> = {
  q: "quit",
  Q: "quit",
  f: "refresh",
  F: "refresh",
  "/": "search",
  s: "nextState",
  S: "previousState",
  "?": "help",
};
/**
 * One key: an escape sequence (ECMA-48; with two brackets, a function key of the Linux console),
 * which may be incomplete at the end, or a character.
 */
const TOKEN =
  // eslint-disable-next-line no-control-regex -- terminals send these
  /\u001b(?:\[(?:\[[A-E]|[\u0030-\u003f]*[\u0020-\u002f]*(?:[\u0040-\u007e]|$))|O(?:[A-Za-z]|$))?|[^]/gu;
// eslint-disable-next-line no-control-regex -- terminals send these
const INCOMPLETE = /^\u001b(?:\[\[?|\[[\u0030-\u003f]*[\u0020-\u002f]*|O)?$/;
/** A terminal sends an escape sequence at once. After that time, it was the key Esc. */
const ESCAPE_TIMEOUT_MS = 100;

/** Finds the keys in what a terminal sends in raw mode; unknown sequences are ignored. */
export class KeyParser {
  #partial = "";

  /** Whether `feed` has kept something that `flush` would return as a key. */
  get isIncomplete(): boolean {
    return this.#partial !== "";
  }

  /** An escape sequence that ends in the middle of a chunk continues in the next one. */
  feed(chunk: string): Key[] {
    const text = this.#partial + chunk;
    this.#partial = "";
    const keys: Key[] = [];
    for (const match of text.matchAll(TOKEN)) {
      const [token] = match;
      if (INCOMPLETE.test(token) && match.index + token.length === text.length) {
        this.#partial = token;
        continue;
      }
      const name = NAMED_KEYS[token];
      if (name !== undefined) keys.push({ name });
      else if (!/^\p{Control}/u.test(token)) keys.push({ name: "character", character: token });
    }
    return keys;
  }

  /** To be called when nothing follows: an Esc that begins no sequence is a key. */
  flush(): Key[] {
    const isEscape = this.#partial === ESCAPE;
    this.#partial = "";
    return isEscape ? [{ name: "escape" }] : [];
  }
}

/** What a key does in a table while no text is being typed; null = nothing. */
export function commandOf(key: Key): Command | null {
  switch (key.name) {
    case "character":
      return COMMANDS[key.character] ?? null;
    case "interrupt":
      return "quit";
    case "enter":
    case "backspace":
    case "clearLine":
      return null;
    default:
      return key.name;
  }
}

/**
 * Reports keys. Until disposed, the terminal does not echo them. When the terminal is closed, that
 * is the key `interrupt`.
 */
export function onKeys(input: ReadStream, listener: (key: Key) => void): Disposer {
  const parser = new KeyParser();
  // A character may arrive in pieces.
  const decoder = new StringDecoder("utf8");
  let timer: NodeJS.Timeout | undefined;
  const handleData = (chunk: Buffer): void => {
    clearTimeout(timer);
    for (const key of parser.feed(decoder.write(chunk))) listener(key);
    if (!parser.isIncomplete) return;
    timer = setTimeout(() => {
      for (const key of parser.flush()) listener(key);
    }, ESCAPE_TIMEOUT_MS);
  };
  const handleEnd = (): void => listener({ name: "interrupt" });
  const leaveRawMode = enterRawMode(input);
  input.on("data", handleData).on("end", handleEnd).on("error", handleEnd);
  return () => {
    clearTimeout(timer);
    input.off("data", handleData).off("end", handleEnd).off("error", handleEnd);
    leaveRawMode();
    input.pause();
  };
}
