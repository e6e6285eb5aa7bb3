import { writeSync } from "node:fs";
import type { WriteStream } from "node:tty";

import { hasColors, terminalSize } from "./capabilities.js";
import { onContinue } from "./raw-mode.js";
import { toPrintableStyled } from "./text.js";

const ENTER_ALTERNATE_SCREEN = "\u001b[?1049h\u001b[?25l\u001b[2J";
const LEAVE_ALTERNATE_SCREEN = "\u001b[?25h\u001b[?1049l";
// Synchronized output: terminals that support it never show half a frame; others ignore it.
const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";

/** `process.stdout` if it is a terminal. */
export type TerminalOutput = WriteStream & { readonly fd: number };

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
  readonly hasColors: boolean;
}

/**
 * Opens a terminal's alternate screen. Drawing writes only the lines that differ, so that nothing
 * flickers. When the process exits, whatever the reason except SIGKILL, the terminal is restored.
 * `onErased` is to draw everything: the terminal has another size, or a shell has used it.
 */
export function openScreen(output: TerminalOutput, onErased: () => void) {
  let isOpen = true;
  let lastFrame: readonly string[] | null = null;
  const handleResize = (): void => {
    lastFrame = null;
    onErased();
  };
  const stopListening = onContinue(() => {
    output.write(ENTER_ALTERNATE_SCREEN);
    handleResize();
  });
  const screen = {
    /** Excludes the last column, which erasing to the end of the line would clear. */
    get size(): ScreenSize {
      const { columns, rows } = terminalSize(output);
      return { columns: Math.max(1, columns - 1), rows, hasColors: hasColors(output) };
    },

    /** The lines must fit into `size`; rows below the last line are cleared. */
    draw(lines: readonly string[]): void {
      if (!isOpen) return;
      const previous = lastFrame;
      const changed = lines.flatMap((line, row) =>
        previous?.[row] === line ? [] : [`\u001b[${row + 1};1H${toPrintableStyled(line)}\u001b[K`],
      );
      const isShorter = previous === null || previous.length > lines.length;
      if (isShorter && lines.length < screen.size.rows)
        changed.push(`\u001b[${lines.length + 1};1H\u001b[J`);
      lastFrame = lines;
      if (changed.length > 0) output.write(BEGIN_FRAME + changed.join("") + END_FRAME);
    },

    /** Restores the terminal, cursor included. */
    close: (): void => {
      if (!isOpen) return;
      isOpen = false;
      process.off("exit", screen.close);
      output.off("resize", handleResize);
      stopListening();
      try {
        // Synchronously, because an exiting process does not wait for its streams.
        writeSync(output.fd, END_FRAME + LEAVE_ALTERNATE_SCREEN);
      } catch {
        // The terminal is closed.
      }
    },
  };
  process.once("exit", screen.close);
  output.on("resize", handleResize);
  output.write(ENTER_ALTERNATE_SCREEN);
  return screen;
}
