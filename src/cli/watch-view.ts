import type { ReadStream } from "node:tty";

import type { PresenceRecord } from "../presence/record.js";
import { changeText, clockTime, presenceTable, type PresenceChange, type PresenceTableModel } from "./presence-table.js";
import { nameOf } from "./presence-table-columns.js";
import { stateText } from "./presence-table-states.js";
import { onEndKey } from "./terminal-keys.js";
import { TerminalScreen, type TerminalOutput } from "./terminal-screen.js";

/** Where presence is shown. */
export interface WatchView {
  /** How many people fit; nobody is shown for longer than a line where it is 0. */
  readonly capacity: number;
  /** What is worth saying of the worker: its phase, its problems. */
  tell(sentence: string): void;
  first(records: readonly PresenceRecord[]): void;
  changes(changes: readonly PresenceChange[]): void;
  picture(model: PresenceTableModel): void;
  /** Gives the terminal back. */
  close(): void;
}

export function viewFor(output: TerminalOutput, input: NodeJS.ReadStream, onEnd: () => void): WatchView {
  return output.isTTY && process.env.TERM !== "dumb"
    ? new LiveView(output, input.isTTY ? input : null, onEnd)
    : new PlainView(output);
}

/** Lines, for pipes, files and terminals that cannot move their cursor. */
class PlainView implements WatchView {
  readonly capacity = 0;
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  tell(sentence: string): void {
    this.#line(Date.now(), sentence);
  }

  first(records: readonly PresenceRecord[]): void {
    for (const record of records) this.#line(Date.now(), `${nameOf(record)}  ${stateText(record)}`);
  }

  changes(changes: readonly PresenceChange[]): void {
    for (const change of changes) this.#line(change.at, changeText(change));
  }

  picture(): void {
    // Lines that are written cannot be redrawn.
  }

  close(): void {
    // Nothing was taken from the terminal.
  }

  #line(at: number, text: string): void {
    this.#output.write(`${clockTime(at)}  ${text}\n`);
  }
}

/** A table that is redrawn in place. */
class LiveView implements WatchView {
  readonly #screen: TerminalScreen;
  readonly #disposers: (() => void)[] = [];
  #latest: PresenceTableModel | null = null;

  constructor(output: TerminalOutput, input: ReadStream | null, onEnd: () => void) {
    this.#screen = new TerminalScreen(output);
    this.#screen.open();
    this.#disposers.push(this.#screen.onResize(() => this.#draw()));
    if (input !== null) this.#disposers.push(onEndKey(input, onEnd));
  }

  get capacity(): number {
    return this.#screen.size.rows;
  }

  tell(): void {
    // The picture has the worker's phase and problems.
  }

  first(): void {
    // The picture has everyone.
  }

  changes(): void {
    // The picture has the changes.
  }

  picture(model: PresenceTableModel): void {
    this.#latest = model;
    this.#draw();
  }

  close(): void {
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#screen.close();
  }

  #draw(): void {
    if (this.#latest !== null)
      this.#screen.draw(presenceTable(this.#latest, { ...this.#screen.size, colours: this.#screen.colours }));
  }
}
