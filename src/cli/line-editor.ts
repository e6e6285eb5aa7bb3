export type Typed = { readonly kind: "line"; readonly text: string } | { readonly kind: "more" } | { readonly kind: "givenUp" };

// Arrow keys and the like: an escape, a bracket or O, parameters, a letter (ECMA-48).
// eslint-disable-next-line no-control-regex -- these are what a terminal sends
const ESCAPE_SEQUENCE = /\u001b(?:[[O][0-9;?]*[A-Za-z~])?/g;
const ENTER = /\r\n|\r|\n/;
const GIVE_UP = ["\u0003", "\u0004"];
const ERASE = ["\u0008", "\u007f"];
const ERASE_ALL = "\u0015";

/** A line as it is typed in a terminal's raw mode: backspace and Ctrl+U work, Ctrl+C and Ctrl+D give up, other control keys do nothing. */
export class LineEditor {
  #typed: string[] = [];
  #rest = "";
  #echo = false;

  begin(echo: boolean): void {
    this.#typed = [];
    this.#echo = echo;
  }

  /** Takes what came; `echo` is what to show for it. What is left after a line is kept for the next one. */
  type(chunk: string): { readonly echo: string; readonly outcome: Typed } {
    const text = this.#rest + chunk.replaceAll(ESCAPE_SEQUENCE, "");
    this.#rest = "";
    const enter = ENTER.exec(text);
    const keys = enter === null ? text : text.slice(0, enter.index);
    let echo = "";
    for (const key of keys) {
      if (GIVE_UP.includes(key)) return { echo, outcome: { kind: "givenUp" } };
      echo += this.#press(key);
    }
    if (enter === null) return { echo, outcome: { kind: "more" } };
    this.#rest = text.slice(enter.index + enter[0].length);
    return { echo, outcome: { kind: "line", text: this.#typed.join("") } };
  }

  #press(key: string): string {
    const shown = this.#typed.length;
    if (ERASE.includes(key)) {
      this.#typed.pop();
      return this.#echo && shown > 0 ? "\b \b" : "";
    }
    if (key === ERASE_ALL) {
      this.#typed = [];
      return this.#echo ? "\b \b".repeat(shown) : "";
    }
    if (/\p{Control}/u.test(key)) return "";
    this.#typed.push(key);
    return this.#echo ? key : "";
  }
}
