import type { ReadStream } from "node:tty";

import type { Disposer } from "../faults/emitter.js";
import { onQuitKey } from "./terminal/keys.js";
import {
  formatTime,
  renderPresenceTable,
  type PresenceTableModel,
} from "./terminal/presence-table.js";
import { TerminalScreen, type TerminalOutput } from "./terminal/screen.js";

/** Shows live presence. */
export interface WatchView {
  /** How many people can be visible at once. */
  readonly capacity: number;
  /** Prints a line, unless the table shows its content. */
  log(text: string, at?: number): void;
  /** Draws the table, unless the output is a stream of lines. */
  render(model: PresenceTableModel): void;
  /** Restores the terminal. */
  close(): void;
}

/** A table if the output is a terminal that can move its cursor, else lines. */
export function createView(
  output: TerminalOutput,
  input: NodeJS.ReadStream,
  onQuit: () => void,
): WatchView {
  return output.isTTY && process.env.TERM !== "dumb"
    ? new TableView(output, input.isTTY ? input : null, onQuit)
    : new LineView(output);
}

class LineView implements WatchView {
  readonly capacity = 0;
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  log(text: string, at = Date.now()): void {
    this.#output.write(`${formatTime(at)}  ${text}\n`);
  }

  render(): void {
    // Every change has been printed as a line.
  }

  close(): void {
    // The terminal was not changed.
  }
}

class TableView implements WatchView {
  readonly #screen: TerminalScreen;
  readonly #disposers: Disposer[] = [];
  #model: PresenceTableModel | null = null;

  constructor(output: TerminalOutput, input: ReadStream | null, onQuit: () => void) {
    this.#screen = new TerminalScreen(output);
    this.#screen.open();
    this.#disposers.push(this.#screen.onResize(() => this.#draw()));
    if (input !== null) this.#disposers.push(onQuitKey(input, onQuit));
  }

  get capacity(): number {
    return this.#screen.size.rows;
  }

  log(): void {
    // The table shows the state of the worker and all changes.
  }

  render(model: PresenceTableModel): void {
    this.#model = model;
    this.#draw();
  }

  close(): void {
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#screen.close();
  }

  #draw(): void {
    if (this.#model === null) return;
    const { size, hasColors } = this.#screen;
    this.#screen.draw(renderPresenceTable(this.#model, { ...size, hasColors }));
  }
}
