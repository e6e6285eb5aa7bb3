import type { ReadStream } from "node:tty";

import type { Disposer } from "../../faults/emitter.js";
import { Fault } from "../../faults/fault.js";
import { LineEditor } from "./keys.js";

/** A grant takes a few kilobytes; more than this is the wrong file. */
const MAX_LENGTH = 64 * 1024;
/** PowerShell writes one to pipes. */
const BYTE_ORDER_MARK = /^\ufeff/;

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
      const cancel = (): void => finish(() => reject(cancelledFault()));
      const handleData = (chunk: Buffer | string): void => {
        const { echo, outcome } = this.#editor.feed(String(chunk));
        this.#promptOutput.write(echo);
        if (outcome.kind === "line") finish(() => resolve(outcome.text));
        else if (outcome.kind === "cancelled") cancel();
      };
      this.#signal.addEventListener("abort", cancel, { once: true });
      input.setEncoding("utf8");
      input.setRawMode(true);
      input.on("data", handleData).resume();
      // A previous paste may have contained this line, too.
      handleData("");
    });
  }

  /** Calls the listener when the user presses Enter; never if nobody can. */
  onEnter(listener: () => void): Disposer {
    if (!this.isInteractive) return () => undefined;
    const handleData = (): void => listener();
    this.#input.on("data", handleData).resume();
    return () => {
      this.#input.off("data", handleData);
      this.#input.pause();
    };
  }

  /** Reads lines from a pipe without waiting for its end; fewer if it ends early. */
  async readLines(count: number): Promise<string[]> {
    const text = await this.#readPiped((received) => received.split("\n").length > count);
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(0, count);
  }

  /** Reads until the end of stdin. */
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
      const cancel = (): void => finish(() => reject(cancelledFault()));
      const handleData = (chunk: Buffer | string): void => {
        text += String(chunk);
        if (text.length > MAX_LENGTH) finish(() => reject(tooLongError()));
        else if (isComplete(text)) complete();
      };
      this.#signal.addEventListener("abort", cancel, { once: true });
      input.setEncoding("utf8");
      input.on("data", handleData).on("end", complete).on("error", complete).resume();
    });
  }
}

function cancelledFault(): Fault {
  return new Fault("cancelled", "Cancelled. Nothing was changed.");
}

function tooLongError(): UsageError {
  return new UsageError(
    "The input is too long.",
    "Pipe in only what the command asks for. See --help.",
  );
}
