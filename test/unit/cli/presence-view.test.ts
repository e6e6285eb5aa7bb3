import { EventEmitter } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { createPresenceView } from "../../../src/cli/terminal/presence-view.js";
import { openScreen, type TerminalOutput } from "../../../src/cli/terminal/screen.js";

const ENTER_SEQUENCE = "\u001b[?1049h\u001b[?25l";
const LEAVE_SEQUENCE = "\u001b[?25h\u001b[?1049l";

/** A terminal that writes to a file. */
class FileTerminal extends EventEmitter {
  readonly isTTY = true;
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
  let screen: ReturnType<typeof openScreen>;
  let resizes: number;

  beforeEach(() => {
    terminal = new FileTerminal();
    resizes = 0;
    screen = openScreen(terminal as unknown as TerminalOutput, () => (resizes += 1));
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
    openScreen(terminal as unknown as TerminalOutput, () => undefined);
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
    terminal.resize(60, 20);
    expect(resizes).to.equal(1);
    expect(screen.size).to.deep.equal({ columns: 59, rows: 20, hasColors: true });
    terminal.readNew();
    screen.draw(["one", "two"]);
    expect(terminal.readNew()).to.contain("one").and.to.contain("two");
  });
});

describe("cli/terminal/presence-view", () => {
  const model = {
    ...{ now: 0, title: "Northwind", summary: "", notes: [], sweep: null },
    ...{
      problems: [],
      totals: new Map(),
      records: [],
      repeatedNames: new Set<string>(),
      changes: [],
    },
    ...{ filter: null, cursor: null, refreshing: new Set<string>() },
    ...{ message: null, hasHelp: false },
  };
  const { TERM } = process.env;
  let terminal: FileTerminal;
  const createView = () => {
    const output = terminal as unknown as TerminalOutput;
    return createPresenceView(output, { isTTY: false } as NodeJS.ReadStream, () => undefined);
  };

  beforeEach(() => {
    process.env.TERM = "xterm";
    terminal = new FileTerminal();
  });

  afterEach(() => {
    if (TERM === undefined) delete process.env.TERM;
    else process.env.TERM = TERM;
    terminal.remove();
  });

  it("draws the table again when the terminal is resized, until it is closed", () => {
    const view = createView();
    view.log("a line");
    view.render(model);
    const drawn = terminal.readNew();
    expect(drawn).to.contain("Northwind").and.to.not.contain("a line");
    terminal.resize(60, 20);
    expect(view.rows).to.equal(20);
    expect(terminal.readNew()).to.contain("Northwind");
    view.close();
    terminal.readNew();
    terminal.resize(61, 21);
    expect(terminal.readNew()).to.equal("");
    expect(terminal.listenerCount("resize")).to.equal(0);
  });

  it("prints lines with their time if the terminal cannot move its cursor", () => {
    process.env.TERM = "dumb";
    const view = createView();
    view.render(model);
    view.log("a line", new Date(2026, 2, 4, 14, 2, 11).getTime());
    view.close();
    expect(view.rows).to.equal(0);
    expect(terminal.readNew()).to.equal("14:02:11  a line\n");
  });

  it("colors the states in lines where there are colors", () => {
    process.env.TERM = "dumb";
    const view = createView();
    view.log("Ada  ● available → ? unknown (stale)", new Date(2026, 2, 4, 14, 2, 11).getTime());
    expect(terminal.readNew()).to.equal(
      "14:02:11  Ada  \u001b[32m● available\u001b[0m → \u001b[90m? unknown\u001b[0m (stale)\n",
    );
  });
});
