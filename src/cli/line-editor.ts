export type LineInput =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "more" }
  | { readonly kind: "givenUp" };

// Arrow keys and the like: an escape, a bracket or O, parameters, a letter (ECMA-48).
// eslint-disable-next-line no-control-regex -- these are what a terminal sends
const ESCAPE_SEQUENCE = /\u001b(?:[[O][0-9;?]*[A-Za-z~])?/g;
const ENTER = /\r\n|\r|\n/;
const CANCEL_KEYS = ["\u0003", "\u0004"];
const BACKSPACE_KEYS = ["\u0008", "\u007f"];
const CLEAR_LINE_KEY = "\u0015";

/** A line as it is typed in a terminal's raw mode: backspace and Ctrl+U work, Ctrl+C and Ctrl+D give up, other control keys do nothing. */
export class LineEditor {
  #characters: string[] = [];
  #pending = "";
  #echo = false;

  startLine(echo: boolean): void {
    this.#characters = [];
    this.#echo = echo;
  }

  /** Takes what came; `echo` is what to show for it. What is left after a line is kept for the next one. */
  feed(chunk: string): { readonly echo: string; readonly outcome: LineInput } {
    const text = this.#pending + chunk.replaceAll(ESCAPE_SEQUENCE, "");
    this.#pending = "";
    const enter = ENTER.exec(text);
    const keys = enter === null ? text : text.slice(0, enter.index);
    let echo = "";
    for (const key of keys) {
      if (CANCEL_KEYS.includes(key)) return { echo, outcome: { kind: "givenUp" } };
      echo += this.#handleKey(key);
    }
    if (enter === null) return { echo, outcome: { kind: "more" } };
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
