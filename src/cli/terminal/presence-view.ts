import { toPrintable } from "../../faults/foreign-text.js";
import { canRedraw, hasColors } from "./capabilities.js";
import { onKeys, type Key } from "./keys.js";
import type { RecordRange } from "./person-rows.js";
import { paintStates } from "./presence-labels.js";
import { renderPresenceTable, visibleRange, type PresenceTableModel } from "./presence-table.js";
import { openScreen, type TerminalOutput } from "./screen.js";
import { formatTime, paintFor } from "./text.js";

const NO_RECORDS: RecordRange = { start: 0, end: 0 };

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
  if (!canRedraw(output)) {
    const paint = paintFor(hasColors(output));
    return {
      rows: 0,
      hasKeys: false,
      visible: NO_RECORDS,
      log: (text, at = Date.now()) =>
        void output.write(`${formatTime(at)}  ${paintStates(toPrintable(text), paint)}\n`),
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
