import { EventEmitter } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { TerminalScreen, type TerminalOutput } from "../../../src/cli/terminal/screen.js";

const ENTER_SEQUENCE = "\u001b[?1049h\u001b[?25l";
const LEAVE_SEQUENCE = "\u001b[?25h\u001b[?1049l";

/** A terminal that writes to a file. */
class FileTerminal extends EventEmitter {
  columns = 100;
  rows = 30;
  readonly #folder = mkdtempSync(join(tmpdir(), "ucx-screen-"));
  readonly fd = openSync(join(this.#folder, "screen"), "a");
  #read = 0;

  hasColors(): boolean {
    return true;
  }

  write(text: string): boolean {
    writeSync(this.fd, text);
    return true;
  }

  /** What was written since the last call. */
  readNew(): string {
    const all = readFileSync(join(this.#folder, "screen"), "utf8");
    const added = all.slice(this.#read);
    this.#read = all.length;
    return added;
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows });
    this.emit("resize");
  }

  remove(): void {
    closeSync(this.fd);
    rmSync(this.#folder, { recursive: true });
  }
}

describe("cli/terminal/screen", () => {
  let terminal: FileTerminal;
  let screen: TerminalScreen;

  beforeEach(() => {
    terminal = new FileTerminal();
    screen = new TerminalScreen(terminal as unknown as TerminalOutput);
    screen.open();
  });

  afterEach(() => {
    screen.close();
    terminal.remove();
  });

  it("enters the alternate screen, and restores the terminal once", () => {
    expect(terminal.readNew()).to.contain(ENTER_SEQUENCE);
    screen.close();
    expect(terminal.readNew()).to.contain(LEAVE_SEQUENCE);
    screen.close();
    screen.draw(["late"]);
    expect(terminal.readNew()).to.equal("");
    expect(terminal.listenerCount("resize")).to.equal(0);
  });

  it("restores the terminal when the process exits", () => {
    const before = process.listeners("exit");
    const other = new TerminalScreen(terminal as unknown as TerminalOutput);
    other.open();
    const added = process.listeners("exit").filter((listener) => !before.includes(listener));
    expect(added).to.have.length(1);
    terminal.readNew();
    added[0]?.(0);
    expect(terminal.readNew()).to.contain(LEAVE_SEQUENCE);
    expect(process.listeners("exit")).to.deep.equal(before);
  });

  it("writes only changed lines, in one frame", () => {
    terminal.readNew();
    screen.draw(["one", "two", "three"]);
    expect(terminal.readNew()).to.match(/^\u001b\[\?2026h.*one.*two.*three.*\u001b\[\?2026l$/s); // eslint-disable-line no-control-regex
    screen.draw(["one", "TWO", "three"]);
    expect(terminal.readNew()).to.equal("\u001b[?2026h\u001b[2;1HTWO\u001b[K\u001b[?2026l");
    screen.draw(["one", "TWO", "three"]);
    expect(terminal.readNew()).to.equal("");
    screen.draw(["one"]);
    expect(terminal.readNew()).to.equal("\u001b[?2026h\u001b[2;1H\u001b[J\u001b[?2026l");
  });

  it("redraws everything after a resize", () => {
    screen.draw(["one", "two"]);
    let resizes = 0;
    const dispose = screen.onResize(() => (resizes += 1));
    terminal.resize(60, 20);
    dispose();
    terminal.resize(61, 20);
    expect(resizes).to.equal(1);
    expect(screen.size).to.deep.equal({ columns: 60, rows: 20 });
    terminal.readNew();
    screen.draw(["one", "two"]);
    expect(terminal.readNew()).to.contain("one").and.to.contain("two");
  });
});
