import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";
import { Fault } from "../../faults/fault.js";
import { decodePiped } from "./piped-text.js";
import { enterRawMode } from "./raw-mode.js";

export type LineInput =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "incomplete" }
  | { readonly kind: "cancelled" };

/** A grant takes a few kilobytes; more than this is the wrong file. */
const MAX_BYTES = 64 * 1024;
// In raw mode, Ctrl+C and Ctrl+D arrive as characters instead of signals.
const END_KEY = "\u0004";
const CANCEL_KEYS = ["\u0003", END_KEY];
const BACKSPACE_KEYS = ["\u0008", "\u007f"];
const CLEAR_LINE_KEY = "\u0015";
const ENTER = /\r\n|\r|\n/;
// Arrow and function keys: an escape, a bracket or O, parameters, a letter (ECMA-48).
// eslint-disable-next-line no-control-regex -- terminals send these
const ESCAPE_SEQUENCE = /\u001b(?:[[O][0-9;?]*[A-Za-z~])?/g;

const ONLY_EXPECTED_HINT = "Pipe in only what the command asks for. See --help.";
const ENCODING_HINT =
  "Pipe in UTF-8 (in PowerShell: $OutputEncoding = [Text.Encoding]::UTF8) or UTF-16, or run the command in a terminal to be prompted.";

/**
 * Unusable arguments or input: exit code 2. The message never repeats the input, which may be a
 * secret.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * What the user types or pipes in. Secrets are read only here, because every user of the machine
 * can read command lines. Every method rejects with Fault `cancelled` when the signal fires.
 */
export class CommandInput {
  readonly #input: NodeJS.ReadStream;
  readonly #promptOutput: NodeJS.WritableStream;
  readonly #signal: AbortSignal;
  readonly #editor = new LineEditor();

  constructor(input: NodeJS.ReadStream, promptOutput: NodeJS.WritableStream, signal: AbortSignal) {
    this.#input = input;
    this.#promptOutput = promptOutput;
    this.#signal = signal;
  }

  /** Whether a user can be prompted. */
  get isInteractive(): boolean {
    return this.#input.isTTY;
  }

  /** Prompts for a line. Fault: `cancelled`, also on Ctrl+C and Ctrl+D. */
  prompt(prompt: string, { echo }: { readonly echo: boolean }): Promise<string> {
    const input: ReadStream = this.#input;
    const output = this.#promptOutput;
    output.write(prompt);
    this.#editor.startLine(echo);
    const leaveRawMode = enterRawMode(input);
    input.setEncoding("utf8");
    return this.#receive((chunk) => {
      const { echo: echoed, outcome } = this.#editor.feed(chunk?.toString() ?? END_KEY);
      output.write(echoed);
      if (outcome.kind === "cancelled") return cancelledFault();
      return outcome.kind === "line" ? outcome.text : null;
    }).finally(() => {
      leaveRawMode();
      output.write("\n");
    });
  }

  /** Calls the listener when the user presses Enter; never if nobody can. */
  onEnter(listener: () => void): Disposer {
    if (!this.isInteractive) return () => undefined;
    this.#input.on("data", listener).resume();
    return () => void this.#input.off("data", listener).pause();
  }

  /**
   * Reads lines from a pipe without waiting for its end; fewer if it ends early. Skips blank lines.
   * Throws a `UsageError` if more lines have arrived.
   */
  async readLines(count: number): Promise<string[]> {
    const text = await this.#readPiped((received) => {
      const complete = received.split("\n").slice(0, -1);
      return complete.filter(isNotBlank).length >= count;
    });
    const lines = text.split(/\r\n|\r|\n/).filter((line) => line !== "");
    // Spaces alone may be a password.
    const found = lines.some(isNotBlank) ? lines.filter(isNotBlank) : lines.slice(0, count);
    if (found.length <= count) return found;
    const expected = count === 1 ? "one line" : `${count} lines`;
    throw new UsageError(
      `Stdin contains more than ${expected} of text. Nothing was stored.`,
      ONLY_EXPECTED_HINT,
    );
  }

  /** Reads until the end of stdin. */
  readAll(): Promise<string> {
    return this.#readPiped(() => false);
  }

  #readPiped(isComplete: (text: string) => boolean): Promise<string> {
    let bytes = Buffer.alloc(0);
    return this.#receive((chunk) => {
      bytes = Buffer.concat([bytes, Buffer.from(chunk ?? "")]);
      if (bytes.length > MAX_BYTES) {
        return new UsageError("The input is too long.", ONLY_EXPECTED_HINT);
      }
      const decoded = decodePiped(bytes);
      // What cannot be decoded may be the first half of a character.
      if (decoded.kind === "text")
        return chunk === null || isComplete(decoded.text) ? decoded.text : null;
      return chunk === null ? new UsageError(decoded.reason, ENCODING_HINT) : null;
    });
  }

  /** Passes each chunk, and null at the end of stdin, to `handle` until it returns a result. */
  #receive(handle: (chunk: string | Buffer | null) => string | Error | null): Promise<string> {
    const input = this.#input;
    return new Promise((resolve, reject) => {
      const finish = (result: string | Error): void => {
        this.#signal.removeEventListener("abort", cancel);
        input.off("data", receive).off("end", handleEnd).off("error", handleEnd).pause();
        if (typeof result === "string") resolve(result);
        else reject(result);
      };
      const receive = (chunk: string | Buffer | null): void => {
        const result = handle(chunk);
        if (result !== null) finish(result);
      };
      const handleEnd = (): void => receive(null);
      const cancel = (): void => finish(cancelledFault());
      this.#signal.addEventListener("abort", cancel, { once: true });
      input.on("data", receive).on("end", handleEnd).on("error", handleEnd).resume();
      // A previous paste may have contained this line, too.
      receive("");
    });
  }
}

function isNotBlank(line: string): boolean {
  return line.trim() !== "";
}

function cancelledFault(): Fault {
  return new Fault("cancelled", "Cancelled. Nothing was changed.");
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
