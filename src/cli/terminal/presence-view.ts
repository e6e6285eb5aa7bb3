import { writeSync } from "node:fs";
import type { WriteStream } from "node:tty";

import { toPrintable } from "../../faults/foreign-text.js";
import { onKeys, type Key } from "./keys.js";
import type { RecordRange } from "./person-rows.js";
import {
  renderPresenceTable,
  visibleRange,
  type PresenceTableModel,
  type TableSize,
} from "./presence-table.js";
import { formatTime, toPrintableStyled } from "./text.js";

const ENTER_ALTERNATE_SCREEN = "\u001b[?1049h\u001b[?25l\u001b[2J";
const LEAVE_ALTERNATE_SCREEN = "\u001b[?25h\u001b[?1049l";
// Synchronized output: terminals that support it never show half a frame; others ignore it.
const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";
const NO_RECORDS: RecordRange = { start: 0, end: 0 };

/** `process.stdout` if it is a terminal. */
export type TerminalOutput = WriteStream & { readonly fd: number };

/** Shows live presence. */
export interface PresenceView {
  /** The height of the table; 0 if there is none. */
  readonly rows: number;
  /** Whether keys are reported. */
  readonly hasKeys: boolean;
  /** The records that the table shows of the model that was rendered last. */
  readonly visible: RecordRange;
  /** Prints a line, unless the table shows its content. */
  log(text: string, at?: number): void;
  /** Draws the table, if there is one. */
  render(model: PresenceTableModel): void;
  /** Restores the terminal. */
  close(): void;
}

/**
 * A table if the output is a terminal that can move its cursor, else lines. A table reports keys to
 * `onKey` if the input is a terminal.
 */
export function createPresenceView(
  output: TerminalOutput,
  input: NodeJS.ReadStream,
  onKey: (key: Key) => void,
): PresenceView {
  if (!output.isTTY || process.env.TERM === "dumb") {
    return {
      rows: 0,
      hasKeys: false,
      visible: NO_RECORDS,
      log: (text, at = Date.now()) =>
        void output.write(`${formatTime(at)}  ${toPrintable(text)}\n`),
      render: () => undefined,
      close: () => undefined,
    };
  }
  let latest: PresenceTableModel | null = null;
  const draw = (): void => {
    if (latest !== null) screen.draw(renderPresenceTable(latest, screen.size));
  };
  const screen = openScreen(output, draw);
  const stopInput = input.isTTY ? onKeys(input, onKey) : () => undefined;
  return {
    get rows() {
      return screen.size.rows;
    },
    hasKeys: input.isTTY,
    get visible() {
      return latest === null ? NO_RECORDS : visibleRange(latest, screen.size);
    },
    log: () => undefined,
    render(model) {
      latest = model;
      draw();
    },
    close() {
      stopInput();
      screen.close();
    },
  };
}

/**
 * Opens a terminal's alternate screen. Drawing writes only the lines that differ, so that nothing
 * flickers. When the process exits, whatever the reason except SIGKILL, the terminal is restored.
 */
export function openScreen(output: TerminalOutput, onResize: () => void) {
  let isOpen = true;
  let lastFrame: readonly string[] | null = null;
  const handleResize = (): void => {
    lastFrame = null;
    onResize();
  };
  const screen = {
    /** Excludes the last column, which erasing to the end of the line would clear. */
    get size(): TableSize {
      const { columns, rows } = output;
      const hasColors = output.hasColors();
      return { columns: Math.max(1, (columns || 80) - 1), rows: rows || 24, hasColors };
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
