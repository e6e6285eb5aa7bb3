import type { WriteStream } from "node:tty";
import { writeSync } from "node:fs";

import type { Disposer } from "../faults/emitter.js";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[2J";
const LEAVE = "\u001b[?25h\u001b[?1049l";
// Synchronized output: terminals that know it show a frame whole, the others ignore it.
const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";

/** `process.stdout`, when it is a terminal. */
export type TerminalOutput = WriteStream & { readonly fd: number };

/** A terminal's alternate screen, drawn without flicker: only lines that differ are written. It is left again however the process ends, short of SIGKILL. */
export class TerminalScreen {
  readonly #output: TerminalOutput;
  readonly #leave = (): void => this.close();
  readonly #forget = (): void => void (this.#drawn = null);
  #drawn: readonly string[] | null = null;
  #open = false;

  constructor(output: TerminalOutput) {
    this.#output = output;
  }

  /** What may be drawn on. The last column stays free: after writing there, erasing to the end of the line would take that character. */
  get size(): TerminalSize {
    return { columns: Math.max(1, (this.#output.columns || 80) - 1), rows: this.#output.rows || 24 };
  }

  get colours(): boolean {
    return this.#output.hasColors();
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    process.once("exit", this.#leave);
    this.#output.on("resize", this.#forget);
    this.#output.write(ENTER);
  }

  /** Shows lines that are no wider than `size`; rows beyond the last one are blank. */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    const known = this.#drawn;
    const changed = lines.flatMap((line, row) => (known?.[row] === line ? [] : [`\u001b[${row + 1};1H${line}\u001b[K`]));
    const below = known === null || known.length > lines.length ? `\u001b[${lines.length + 1};1H\u001b[J` : "";
    this.#drawn = lines;
    const rest = lines.length < this.size.rows ? below : "";
    if (changed.length > 0 || rest !== "") this.#output.write(BEGIN_FRAME + changed.join("") + rest + END_FRAME);
  }

  onResize(listener: () => void): Disposer {
    this.#output.on("resize", listener);
    return () => void this.#output.off("resize", listener);
  }

  /** Gives the terminal back as it was, cursor included. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off("exit", this.#leave);
    this.#output.off("resize", this.#forget);
    this.#drawn = null;
    try {
      // Not through the stream: a process that is exiting waits for no stream.
      writeSync(this.#output.fd, END_FRAME + LEAVE);
    } catch {
      // The terminal is gone, and nobody looks at it any more.
    }
  }
}
