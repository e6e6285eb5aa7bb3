import type { WriteStream } from "node:tty";

import { paragraph } from "./paragraph.js";
import { paintFor, type Paint } from "./terminal-style.js";

type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns" | "hasColors">>;

const LINES_NEVER_END = Number.POSITIVE_INFINITY;
const WIDEST = 110;
/** Of a terminal that does not say, or says 0 (a serial line, a pseudo terminal that nobody has given a size). */
const USUAL_WIDTH = 80;
const CLEAR_LINE = "\r\u001b[K";

/**
 * Where a command speaks. With `--json`, stdout gets one object and nothing else, and what people read goes to stderr. Colours and
 * line breaks are for terminals alone (https://no-color.org): a pipe gets one line a fact.
 */
export class CommandConsole {
  readonly json: boolean;
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #human: Output;
  readonly paint: Paint;
  #passing = false;

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#human = json ? stderr : stdout;
    this.paint = paintFor(this.live && this.#human.hasColors?.() === true);
  }

  /** Whether somebody looks on, at a terminal that can clear a line. */
  get live(): boolean {
    return this.#human.isTTY === true && process.env.TERM !== "dumb";
  }

  /** How wide a line may get. */
  get width(): number {
    if (this.#human.isTTY !== true) return LINES_NEVER_END;
    const { columns = 0 } = this.#human;
    return Math.min(WIDEST, (columns > 0 ? columns : USUAL_WIDTH) - 1);
  }

  /** A line of the result, for people: with `--json` the object says it. */
  line(text = ""): void {
    if (!this.json) this.say(text);
  }

  /** Sentences of the result, broken to fit; continued lines are indented. */
  text(text: string, indent = 0): void {
    for (const line of paragraph(text, this.width, indent)) this.line(line);
  }

  /** A line that somebody has to read for the command to go on, with `--json` too. */
  say(text = ""): void {
    this.#settle();
    this.#human.write(`${text}\n`);
  }

  /** Sentences that somebody has to read. */
  sayText(text: string): void {
    for (const line of paragraph(text, this.width, 0)) this.say(line);
  }

  /** Something worth knowing that is no result: on stderr always. */
  note(text: string): void {
    this.#settle();
    const width = this.#stderr.isTTY === true ? this.width : LINES_NEVER_END;
    for (const line of paragraph(`Note: ${text}`, width, 6)) this.#stderr.write(`${line}\n`);
  }

  /** A failure with what to do about it: on stderr always. */
  failure(message: string, hint: string | undefined): void {
    this.#settle();
    const paint = paintFor(this.#stderr.isTTY === true && this.#stderr.hasColors?.() === true);
    const width = this.#stderr.isTTY === true ? this.width : LINES_NEVER_END;
    const [first = "", ...others] = paragraph(`Error: ${message}`, width, 7);
    const lines = [first.replace(/^Error:/, paint("Error:", "red", "bold")), ...others];
    const remedy = hint === undefined || hint === "" ? [] : paragraph(`→ ${hint}`, width - 7, 2).map((line) => `       ${line}`);
    for (const line of [...lines, ...remedy]) this.#stderr.write(`${line}\n`);
  }

  /** A line that stands until the next one; terminals only. */
  passing(text: string): void {
    if (!this.live) return;
    this.#human.write(`${CLEAR_LINE}${text}`);
    this.#passing = true;
  }

  /** The one object of `--json`. */
  result(value: object): void {
    if (this.json) this.#stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  #settle(): void {
    if (!this.#passing) return;
    this.#passing = false;
    this.#human.write(CLEAR_LINE);
  }
}
