import type { ReadStream } from "node:tty";
import { onQuitKey } from "../../src/cli/terminal/keys.js";
import {
  changeText,
  formatTime,
  personCapacity,
  renderPresenceTable,
  type PresenceChange,
  type PresenceTableModel,
} from "../../src/cli/terminal/presence-table.js";
import { TerminalScreen, type TerminalOutput } from "../../src/cli/terminal/screen.js";

/** The demo's output. */
export interface DemoView {
  /** The number of persons that fit; null if there is no limit. */
  readonly capacity: number | null;
  /** Whether somebody watches the steps as they happen. */
  readonly isLive: boolean;
  showStep(text: string): void;
  showChange(change: PresenceChange): void;
  render(model: PresenceTableModel): void;
  /** Restores the terminal. */
  close(): void;
}

export function viewFor(
  output: TerminalOutput,
  input: NodeJS.ReadStream,
  onQuit: () => void,
): DemoView {
  return output.isTTY && process.env.TERM !== "dumb"
    ? new LiveView(output, input.isTTY ? input : null, onQuit)
    : new PlainView(output);
}

/** One line per step and change, for pipes, files and terminals without cursor control. */
class PlainView implements DemoView {
  readonly capacity = null;
  readonly isLive = false;
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  showStep(text: string): void {
    this.#writeLine(Date.now(), text);
  }

  showChange(change: PresenceChange): void {
    this.#writeLine(change.at, `   ${changeText(change)}`);
  }

  render(): void {
    // There is no table to redraw.
  }

  close(): void {
    // There is nothing to restore.
  }

  #writeLine(at: number, text: string): void {
    this.#output.write(`${formatTime(at)}  ${text}\n`);
  }
}

/** A table that is redrawn in place, and contains the steps and changes. */
class LiveView implements DemoView {
  readonly isLive = true;
  readonly #screen: TerminalScreen;
  readonly #disposers: (() => void)[] = [];
  #latest: PresenceTableModel | null = null;

  constructor(output: TerminalOutput, input: ReadStream | null, onQuit: () => void) {
    this.#screen = new TerminalScreen(output);
    this.#screen.open();
    this.#disposers.push(this.#screen.onResize(() => this.#draw()));
    if (input) this.#disposers.push(onQuitKey(input, onQuit));
  }

  get capacity(): number {
    return personCapacity(this.#screen.size.rows);
  }

  showStep(): void {
    // The model contains the steps.
  }

  showChange(): void {
    // The model contains the changes.
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
    if (!this.#latest) return;
    const { size, hasColors } = this.#screen;
    this.#screen.draw(renderPresenceTable(this.#latest, { ...size, hasColors }));
  }
}
