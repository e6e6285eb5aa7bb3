import type { ReadStream } from "node:tty";

import { Fault } from "../../faults/fault.js";
import { LineEditor } from "../line-editor.js";
import { UsageError } from "../usage-error.js";

/** A grant is a few kilobytes; more than this is the wrong file. */
const MAX_LENGTH = 64 * 1024;
/** PowerShell puts one before what it pipes. */
const BYTE_ORDER_MARK = /^\ufeff/;

/** What an administrator types or pipes in. Secrets come this way only: a command line can be seen by everybody on the machine. */
export class CommandInput {
  readonly #input: NodeJS.ReadStream;
  readonly #promptOutput: NodeJS.WritableStream;
  readonly #signal: AbortSignal;
  readonly #editor = new LineEditor();

  constructor(input: NodeJS.ReadStream, prompts: NodeJS.WritableStream, signal: AbortSignal) {
    this.#input = input;
    this.#promptOutput = prompts;
    this.#signal = signal;
  }

  /** Whether somebody is there to be asked. */
  get isInteractive(): boolean {
    return this.#input.isTTY;
  }

  /** Asks for a line. Fault: `cancelled` (Ctrl+C, Ctrl+D, the end of the command). */
  prompt(prompt: string, options: { readonly echo: boolean }): Promise<string> {
    const input: ReadStream = this.#input;
    this.#promptOutput.write(prompt);
    this.#editor.startLine(options.echo);
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#signal.removeEventListener("abort", cancel);
        input.off("data", handleData);
        input.setRawMode(false);
        input.pause();
        this.#promptOutput.write("\n");
        settle();
      };
      const cancel = (): void =>
        finish(() => reject(new Fault("cancelled", "Given up: nothing was changed.")));
      const handleData = (chunk: Buffer | string): void => {
        const { echo, outcome } = this.#editor.feed(String(chunk));
        this.#promptOutput.write(echo);
        if (outcome.kind === "line") finish(() => resolve(outcome.text));
        else if (outcome.kind === "givenUp") cancel();
      };
      this.#signal.addEventListener("abort", cancel, { once: true });
      input.setEncoding("utf8");
      input.setRawMode(true);
      input.on("data", handleData).resume();
      // Lines pasted at once after an earlier question.
      handleData("");
    });
  }

  /** Calls when somebody presses Enter. The returned function ends the listening. */
  onEnter(listener: () => void): () => void {
    if (!this.isInteractive) return () => undefined;
    const handleData = (): void => listener();
    this.#input.on("data", handleData).resume();
    return () => {
      this.#input.off("data", handleData);
      this.#input.pause();
    };
  }

  /** The first lines that are piped in; fewer where the input ends before. */
  async readLines(count: number): Promise<string[]> {
    const text = await this.#readPiped((handleData) => handleData.split("\n").length > count);
    const readLines = text.split(/\r?\n/);
    if (readLines.at(-1) === "") readLines.pop();
    return readLines.slice(0, count);
  }

  /** All that is piped in. */
  readAll(): Promise<string> {
    return this.#readPiped(() => false);
  }

  #readPiped(isComplete: (text: string) => boolean): Promise<string> {
    const input = this.#input;
    return new Promise((resolve, reject) => {
      let text = "";
      const finish = (settle: () => void): void => {
        this.#signal.removeEventListener("abort", cancel);
        input.off("data", handleData).off("end", complete).off("error", complete);
        input.pause();
        settle();
      };
      const complete = (): void => finish(() => resolve(text.replace(BYTE_ORDER_MARK, "")));
      const cancel = (): void =>
        finish(() => reject(new Fault("cancelled", "Given up: nothing was changed.")));
      const handleData = (chunk: Buffer | string): void => {
        text += String(chunk);
        if (text.length > MAX_LENGTH) {
          finish(() =>
            reject(
              new UsageError(
                "Far too much was piped in.",
                "Pipe in just what the command asks for (--help).",
              ),
            ),
          );
        } else if (isComplete(text)) complete();
      };
      this.#signal.addEventListener("abort", cancel, { once: true });
      input.setEncoding("utf8");
      input.on("data", handleData).on("end", complete).on("error", complete).resume();
    });
  }
}
