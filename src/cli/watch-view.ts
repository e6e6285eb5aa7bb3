import type { ReadStream } from "node:tty";

import type { PresenceRecord } from "../presence/record.js";
import {
  changeText,
  formatTime,
  renderPresenceTable,
  type PresenceChange,
  type PresenceTableModel,
} from "./terminal/presence-table.js";
import { displayNameOf } from "./presence-table-columns.js";
import { stateText } from "./presence-table-states.js";
import { onQuitKey } from "./terminal/keys.js";
import { TerminalScreen, type TerminalOutput } from "./terminal/screen.js";

/** Where presence is shown. */
export interface WatchView {
  /** How many people fit; nobody is shown for longer than a line where it is 0. */
  readonly capacity: number;
  /** What is worth saying of the worker: its phase, its problems. */
  showMessage(sentence: string): void;
  showAdded(records: readonly PresenceRecord[]): void;
  showChanges(showChanges: readonly PresenceChange[]): void;
  render(model: PresenceTableModel): void;
  /** Gives the terminal back. */
  close(): void;
}

export function createView(
  output: TerminalOutput,
  input: NodeJS.ReadStream,
  onQuit: () => void,
): WatchView {
  return output.isTTY && process.env.TERM !== "dumb"
    ? new LiveView(output, input.isTTY ? input : null, onQuit)
    : new PlainView(output);
}

/** Lines, for pipes, files and terminals that cannot move their cursor. */
class PlainView implements WatchView {
  readonly capacity = 0;
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  showMessage(sentence: string): void {
    this.#line(Date.now(), sentence);
  }

  showAdded(records: readonly PresenceRecord[]): void {
    for (const record of records)
      this.#line(Date.now(), `${displayNameOf(record)}  ${stateText(record)}`);
  }

  showChanges(showChanges: readonly PresenceChange[]): void {
    for (const change of showChanges) this.#line(change.at, changeText(change));
  }

  render(): void {
    // Lines that are written cannot be redrawn.
  }

  close(): void {
    // Nothing was taken from the terminal.
  }

  #line(at: number, text: string): void {
    this.#output.write(`${formatTime(at)}  ${text}\n`);
  }
}

/** A table that is redrawn in place. */
class LiveView implements WatchView {
  readonly #screen: TerminalScreen;
  readonly #disposers: (() => void)[] = [];
  #latest: PresenceTableModel | null = null;

  constructor(output: TerminalOutput, input: ReadStream | null, onQuit: () => void) {
    this.#screen = new TerminalScreen(output);
    this.#screen.open();
    this.#disposers.push(this.#screen.onResize(() => this.#draw()));
    if (input !== null) this.#disposers.push(onQuitKey(input, onQuit));
  }

  get capacity(): number {
    return this.#screen.size.rows;
  }

  showMessage(): void {
    // The picture has the worker's phase and problems.
  }

  showAdded(): void {
    // The picture has everyone.
  }

  showChanges(): void {
    // The picture has the changes.
  }

  render(model: PresenceTableModel): void {
    this.#latest = model;
    this.#draw();
  }

  close(): void {
    for (const dispose of this.#disposers.splice(0)) dispose();
    this.#screen.close();
  }

  #draw(): void {
    if (this.#latest !== null)
      this.#screen.draw(
        renderPresenceTable(this.#latest, {
          ...this.#screen.size,
          hasColors: this.#screen.hasColors,
        }),
      );
  }
}
