import type { WriteStream } from "node:tty";
import { writeSync } from "node:fs";

import type { Disposer } from "../../faults/emitter.js";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const ENTER_ALTERNATE_SCREEN = "\u001b[?1049h\u001b[?25l\u001b[2J";
const LEAVE_ALTERNATE_SCREEN = "\u001b[?25h\u001b[?1049l";
// Synchronized output: terminals that support it never show half a frame; others ignore it.
const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";

/** `process.stdout` if it is a terminal. */
export type TerminalOutput = WriteStream & { readonly fd: number };

/**
 * A terminal's alternate screen. Drawing writes only the lines that differ, so that nothing
 * flickers. When the process exits, whatever the reason except SIGKILL, the terminal is restored.
 */
export class TerminalScreen {
  readonly #output: TerminalOutput;
  readonly #handleExit = (): void => this.close();
  readonly #invalidate = (): void => void (this.#lastFrame = null);
  #lastFrame: readonly string[] | null = null;
  #isOpen = false;

  constructor(output: TerminalOutput) {
    this.#output = output;
  }

  /** Excludes the last column, which erasing to the end of the line would clear. */
  get size(): TerminalSize {
    return {
      columns: Math.max(1, (this.#output.columns || 80) - 1),
      rows: this.#output.rows || 24,
    };
  }

  get hasColors(): boolean {
    return this.#output.hasColors();
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    process.once("exit", this.#handleExit);
    this.#output.on("resize", this.#invalidate);
    this.#output.write(ENTER_ALTERNATE_SCREEN);
  }

  /** The lines must fit into `size`; rows below the last line are cleared. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const previous = this.#lastFrame;
    const changed = lines.flatMap((line, row) =>
      previous?.[row] === line ? [] : [`\u001b[${row + 1};1H${line}\u001b[K`],
    );
    const isShorter = previous === null || previous.length > lines.length;
    const eraseBelow =
      isShorter && lines.length < this.size.rows ? `\u001b[${lines.length + 1};1H\u001b[J` : "";
    this.#lastFrame = lines;
    if (changed.length > 0 || eraseBelow !== "")
      this.#output.write(BEGIN_FRAME + changed.join("") + eraseBelow + END_FRAME);
  }

  onResize(listener: () => void): Disposer {
    this.#output.on("resize", listener);
    return () => void this.#output.off("resize", listener);
  }

  /** Restores the terminal, cursor included. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off("exit", this.#handleExit);
    this.#output.off("resize", this.#invalidate);
    this.#lastFrame = null;
    try {
      // Synchronously, because an exiting process does not wait for its streams.
      writeSync(this.#output.fd, END_FRAME + LEAVE_ALTERNATE_SCREEN);
    } catch {
      // The terminal is closed.
    }
  }
}
