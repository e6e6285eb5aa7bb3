import type { ReadStream } from "node:tty";
import {
  changeText,
  formatTime,
  renderPresenceTable,
  personCapacity,
  type PresenceChange,
  type PresenceTableModel,
} from "../../src/cli/terminal/presence-table.js";
import { onQuitKey } from "../../src/cli/terminal/keys.js";
import { TerminalScreen, type TerminalOutput } from "../../src/cli/terminal/screen.js";

/** Where the demo shows what happens. */
export interface DemoView {
  /** How many people fit; null where any number does. */
  readonly capacity: number | null;
  /** Whether somebody reads along, so that steps take their time. */
  readonly isLive: boolean;
  /** A step of the story. */
  showStep(sentence: string): void;
  showChange(showChange: PresenceChange): void;
  render(model: PresenceTableModel): void;
  /** Gives the terminal back. */
  close(): void;
}

export function viewFor(
  output: TerminalOutput,
  input: NodeJS.ReadStream,
  onEnd: () => void,
): DemoView {
  const dumb = process.env.TERM === "dumb";
  return output.isTTY && !dumb
    ? new LiveView(output, input.isTTY ? input : null, onEnd)
    : new PlainView(output);
}

/** A line for each step and each change, for pipes, files and terminals that cannot move their cursor. */
class PlainView implements DemoView {
  readonly capacity = null;
  readonly isLive = false;
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  showStep(sentence: string): void {
    this.#line(Date.now(), sentence);
  }

  showChange(showChange: PresenceChange): void {
    this.#line(showChange.at, `   ${changeText(showChange)}`);
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
class LiveView implements DemoView {
  readonly isLive = true;
  readonly #screen: TerminalScreen;
  readonly #disposers: (() => void)[] = [];
  #latest: PresenceTableModel | null = null;

  constructor(output: TerminalOutput, input: ReadStream | null, onEnd: () => void) {
    this.#screen = new TerminalScreen(output);
    this.#screen.open();
    this.#disposers.push(this.#screen.onResize(() => this.#draw()));
    if (input) this.#disposers.push(onQuitKey(input, onEnd));
  }

  get capacity(): number {
    return personCapacity(this.#screen.size.rows);
  }

  showStep(): void {
    // The picture has the story in its notes.
  }

  showChange(): void {
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
    if (this.#latest)
      this.#screen.draw(
        renderPresenceTable(this.#latest, {
          ...this.#screen.size,
          hasColors: this.#screen.hasColors,
        }),
      );
  }
}
