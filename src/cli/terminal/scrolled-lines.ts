import type { Command } from "./keys.js";
import type { ScreenSize } from "./screen.js";
import { clip, displayWidth, paintFor } from "./text.js";

const GAP = "  ";
const SCROLL_KEYS = "↑ ↓ PgUp PgDn scroll";
/** With fewer rows, they show the text alone. */
const MIN_ROWS_FOR_FOOTER = 3;

/** A text on a screen that may be smaller. Keys scroll it; it stays where it is when it changes. */
export class ScrolledLines {
  #start = 0;
  #count = 0;
  #height = 0;

  /** Scrolls if the command does so. */
  handleCommand(command: Command): void {
    const targets: Partial<Record<Command, number>> = {
      up: this.#start - 1,
      down: this.#start + 1,
      pageUp: this.#start - this.#height,
      pageDown: this.#start + this.#height,
      home: 0,
      end: this.#count,
    };
    this.#scrollTo(targets[command] ?? this.#start);
  }

  /**
   * Renders exactly `rows` lines of at most `columns` columns: a part of the text, which part it is
   * if it is one, and `keys`, which says what keys do. `textFor` returns the lines of the text,
   * painted or plain; lines that are too long are clipped.
   */
  render(
    textFor: (hasColors: boolean) => readonly string[],
    { columns, rows, hasColors }: ScreenSize,
    keys: string,
  ): string[] {
    const plain = textFor(false);
    const lines = textFor(hasColors).map((line, row) => {
      const text = plain[row] ?? "";
      return displayWidth(text) > columns ? clip(text, columns) : line;
    });
    const hasFooter = rows >= MIN_ROWS_FOR_FOOTER;
    this.#height = hasFooter ? rows - 1 : rows;
    this.#count = lines.length;
    this.#scrollTo(this.#start);
    const end = Math.min(this.#start + this.#height, lines.length);
    const shown = Array.from(
      { length: this.#height },
      (_, row) => lines.slice(this.#start, end)[row] ?? "",
    );
    if (!hasFooter) return shown;
    const position = `${this.#start + 1}–${end} of ${lines.length} lines`;
    const footer = lines.length > this.#height ? [position, SCROLL_KEYS, keys].join(GAP) : keys;
    return [...shown, paintFor(hasColors)(clip(footer, columns), "faint")];
  }

  #scrollTo(start: number): void {
    this.#start = Math.max(0, Math.min(start, this.#count - this.#height));
  }
}
