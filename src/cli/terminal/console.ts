import { toPrintable, toPrintableJson } from "../../faults/foreign-text.js";
import { canRedraw, hasColors, lineLength, type TextOutput } from "./capabilities.js";
import { clip, paintFor, toPrintableStyled, wrap, type Paint, type Style } from "./text.js";

type Output = NodeJS.WritableStream & TextOutput;

const CLEAR_LINE = "\r\u001b[K";

/**
 * The output of a command. With `--json`, stdout receives one JSON object and nothing else, and
 * texts for the user go to stderr. `capabilities.ts` decides on colors and on the length of lines.
 * Whatever a text contains, only styles and printable characters reach the outputs.
 */
export class CommandConsole {
  readonly json: boolean;
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #text: Output;
  readonly paint: Paint;
  #hasProgress = false;

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#text = json ? stderr : stdout;
    this.paint = paintFor(hasColors(this.#text));
  }

  /** Whether texts go to a terminal that can clear a line. */
  get isTerminal(): boolean {
    return canRedraw(this.#text);
  }

  /** The maximum length of a line of text; may be infinite. */
  get width(): number {
    return lineLength(this.#text);
  }

  /** Prints lines of the result, unless `--json` replaces it. */
  lines(lines: readonly string[]): void {
    if (!this.json) for (const line of lines) this.notice(line);
  }

  /** Prints a line of the result. */
  line(text = ""): void {
    this.lines([text]);
  }

  /** Prints sentences of the result; every line but the first is indented. */
  text(text: string, indent = 0): void {
    this.lines(wrap(toPrintable(text), this.width, indent));
  }

  /** Prints a line that the user needs to read while the command runs, also with `--json`. */
  notice(text: string): void {
    this.#clearProgress();
    this.#text.write(`${toPrintableStyled(text)}\n`);
  }

  /** Prints sentences like `notice`. */
  noticeText(text: string): void {
    for (const line of wrap(toPrintable(text), this.width, 0)) this.notice(line);
  }

  /** Prints additional information to stderr. */
  note(text: string): void {
    this.#printLabelled("Note:", text);
  }

  /** Prints an error, and what to do about it, to stderr. */
  error(message: string, hint?: string): void {
    this.#printLabelled("Error:", message, "red", "bold");
    if (hint === undefined) return;
    const indent = " ".repeat("Error: ".length);
    for (const line of wrap(`→ ${toPrintable(hint)}`, lineLength(this.#stderr) - indent.length, 2))
      this.#stderr.write(`${indent}${line}\n`);
  }

  /**
   * On a terminal, shows a line until the next one is printed. It is clipped, because the terminal
   * would continue it in a second line, which stays.
   */
  progress(text: string): void {
    if (!this.isTerminal) return;
    this.#text.write(`${CLEAR_LINE}${this.paint(clip(toPrintable(text), this.width), "faint")}`);
    this.#hasProgress = true;
  }

  /** Prints the JSON object of `--json`, and returns the command's exit code. */
  result(value: { readonly ok: boolean; readonly [member: string]: unknown }): 0 | 1 {
    if (this.json) this.#stdout.write(`${toPrintableJson(value, 2)}\n`);
    return value.ok ? 0 : 1;
  }

  /** Prints one of several objects, in a line of its own (https://jsonlines.org). */
  jsonLine(value: object): void {
    this.#stdout.write(`${toPrintableJson(value)}\n`);
  }

  #printLabelled(label: string, text: string, ...styles: readonly Style[]): void {
    this.#clearProgress();
    const paint = paintFor(hasColors(this.#stderr));
    const lines = wrap(`${label} ${toPrintable(text)}`, lineLength(this.#stderr), label.length + 1);
    this.#stderr.write(`${lines.join("\n").replace(label, paint(label, ...styles))}\n`);
  }

  #clearProgress(): void {
    if (!this.#hasProgress) return;
    this.#hasProgress = false;
    this.#text.write(CLEAR_LINE);
  }
}
