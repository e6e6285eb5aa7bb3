import type { WriteStream } from "node:tty";

import { wrapWords } from "../paragraph.js";
import { paintFor, type Paint } from "../terminal-style.js";

type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns" | "hasColors">>;

const UNLIMITED = Number.POSITIVE_INFINITY;
const MAX_WIDTH = 110;
/** Of a terminal that does not say, or says 0 (a serial line, a pseudo terminal that nobody has given a size). */
const DEFAULT_WIDTH = 80;
const CLEAR_LINE = "\r\u001b[K";

/**
 * Where a command speaks. With `--json`, stdout gets one object and nothing else, and what people read goes to stderr. Colours and
 * line breaks are for terminals alone (https://no-color.org): a pipe gets one line a fact.
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
    this.paint = paintFor(this.isTerminal && this.#text.hasColors?.() === true);
  }

  /** Whether somebody looks on, at a terminal that can clear a line. */
  get isTerminal(): boolean {
    return this.#text.isTTY === true && process.env.TERM !== "dumb";
  }

  /** How wide a line may get. */
  get width(): number {
    if (this.#text.isTTY !== true) return UNLIMITED;
    const { columns = 0 } = this.#text;
    return Math.min(MAX_WIDTH, (columns > 0 ? columns : DEFAULT_WIDTH) - 1);
  }

  /** A line of the result, for people: with `--json` the object says it. */
  line(text = ""): void {
    if (!this.json) this.notice(text);
  }

  /** Sentences of the result, broken to fit; continued lines are indented. */
  text(text: string, indent = 0): void {
    for (const line of wrapWords(text, this.width, indent)) this.line(line);
  }

  /** A line that somebody has to read for the command to go on, with `--json` too. */
  notice(text = ""): void {
    this.#clearProgress();
    this.#text.write(`${text}\n`);
  }

  /** Sentences that somebody has to read. */
  noticeText(text: string): void {
    for (const line of wrapWords(text, this.width, 0)) this.notice(line);
  }

  /** Something worth knowing that is no result: on stderr always. */
  note(text: string): void {
    this.#clearProgress();
    const width = this.#stderr.isTTY === true ? this.width : UNLIMITED;
    for (const line of wrapWords(`Note: ${text}`, width, 6)) this.#stderr.write(`${line}\n`);
  }

  /** A failure with what to do about it: on stderr always. */
  error(message: string, hint: string | undefined): void {
    this.#clearProgress();
    const paint = paintFor(this.#stderr.isTTY === true && this.#stderr.hasColors?.() === true);
    const width = this.#stderr.isTTY === true ? this.width : UNLIMITED;
    const [first = "", ...others] = wrapWords(`Error: ${message}`, width, 7);
    const lines = [first.replace(/^Error:/, paint("Error:", "red", "bold")), ...others];
    const hintLines =
      hint === undefined || hint === ""
        ? []
        : wrapWords(`→ ${hint}`, width - 7, 2).map((line) => `       ${line}`);
    for (const line of [...lines, ...hintLines]) this.#stderr.write(`${line}\n`);
  }

  /** A line that stands until the next one; terminals only. */
  progress(text: string): void {
    if (!this.isTerminal) return;
    this.#text.write(`${CLEAR_LINE}${text}`);
    this.#hasProgress = true;
  }

  /** The one object of `--json`. */
  result(value: object): void {
    if (this.json) this.#stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  #clearProgress(): void {
    if (!this.#hasProgress) return;
    this.#hasProgress = false;
    this.#text.write(CLEAR_LINE);
  }
}
