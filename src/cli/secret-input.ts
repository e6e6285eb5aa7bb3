import type { ReadStream } from "node:tty";

import { Fault } from "../faults/fault.js";
import { LineEditor } from "./line-editor.js";
import { UsageError } from "./usage-error.js";

/** A grant is a few kilobytes; more than this is the wrong file. */
const MOST_BYTES = 64 * 1024;
/** PowerShell puts one before what it pipes. */
const BYTE_ORDER_MARK = /^\ufeff/;

/** What an administrator types or pipes in. Secrets come this way only: a command line can be seen by everybody on the machine. */
export class SecretInput {
  readonly #input: NodeJS.ReadStream;
  readonly #prompts: NodeJS.WritableStream;
  readonly #signal: AbortSignal;
  readonly #editor = new LineEditor();

  constructor(input: NodeJS.ReadStream, prompts: NodeJS.WritableStream, signal: AbortSignal) {
    this.#input = input;
    this.#prompts = prompts;
    this.#signal = signal;
  }

  /** Whether somebody is there to be asked. */
  get interactive(): boolean {
    return this.#input.isTTY;
  }

  /** Asks for a line. Fault: `cancelled` (Ctrl+C, Ctrl+D, the end of the command). */
  ask(prompt: string, options: { readonly echo: boolean }): Promise<string> {
    const input: ReadStream = this.#input;
    this.#prompts.write(prompt);
    this.#editor.begin(options.echo);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#signal.removeEventListener("abort", giveUp);
        input.off("data", read);
        input.setRawMode(false);
        input.pause();
        this.#prompts.write("\n");
        settle();
      };
      const giveUp = (): void => end(() => reject(new Fault("cancelled", "Given up: nothing was changed.")));
      const read = (chunk: Buffer | string): void => {
        const { echo, outcome } = this.#editor.type(String(chunk));
        this.#prompts.write(echo);
        if (outcome.kind === "line") end(() => resolve(outcome.text));
        else if (outcome.kind === "givenUp") giveUp();
      };
      this.#signal.addEventListener("abort", giveUp, { once: true });
      input.setEncoding("utf8");
      input.setRawMode(true);
      input.on("data", read).resume();
      // Lines pasted at once after an earlier question.
      read("");
    });
  }

  /** Calls when somebody presses Enter. The returned function ends the listening. */
  onEnter(listener: () => void): () => void {
    if (!this.interactive) return () => undefined;
    const read = (): void => listener();
    this.#input.on("data", read).resume();
    return () => {
      this.#input.off("data", read);
      this.#input.pause();
    };
  }

  /** The first lines that are piped in; fewer where the input ends before. */
  async lines(count: number): Promise<string[]> {
    const text = await this.#piped((read) => read.split("\n").length > count);
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(0, count);
  }

  /** All that is piped in. */
  all(): Promise<string> {
    return this.#piped(() => false);
  }

  #piped(enough: (text: string) => boolean): Promise<string> {
    const input = this.#input;
    return new Promise((resolve, reject) => {
      let text = "";
      const end = (settle: () => void): void => {
        this.#signal.removeEventListener("abort", giveUp);
        input.off("data", read).off("end", over).off("error", over);
        input.pause();
        settle();
      };
      const over = (): void => end(() => resolve(text.replace(BYTE_ORDER_MARK, "")));
      const giveUp = (): void => end(() => reject(new Fault("cancelled", "Given up: nothing was changed.")));
      const read = (chunk: Buffer | string): void => {
        text += String(chunk);
        if (text.length > MOST_BYTES) {
          end(() => reject(new UsageError("Far too much was piped in.", "Pipe in just what the command asks for (--help).")));
        } else if (enough(text)) over();
      };
      this.#signal.addEventListener("abort", giveUp, { once: true });
      input.setEncoding("utf8");
      input.on("data", read).on("end", over).on("error", over).resume();
    });
  }
}
