import { PassThrough } from "node:stream";
import { expect } from "chai";

import { CommandConsole } from "../../../src/cli/terminal/console.js";

function streams(terminal: { columns: number; colours: boolean } | null) {
  const createStream = () => {
    const stream = new PassThrough();
    if (terminal !== null)
      Object.assign(stream, {
        isTTY: true,
        columns: terminal.columns,
        hasColors: () => terminal.colours,
      });
    return stream;
  };
  const [out, err] = [createStream(), createStream()];
  const read = (stream: PassThrough): string => String(stream.read() ?? "");
  return { out, err, stdout: () => read(out), stderr: () => read(err) };
}

describe("cli: where a command speaks", () => {
  const long = "one two three four five six seven eight nine ten";

  it("writes a line a fact and no escape sequence into a pipe", () => {
    const { out, err, stdout, stderr } = streams(null);
    const console = new CommandConsole(out, err, false);
    console.progress("waiting");
    console.text(long);
    console.line(console.paint("plain", "red"));
    console.error("It failed.", "Mend it.");
    console.result({ ok: true });
    expect(stdout()).to.equal(`${long}\nplain\n`);
    expect(stderr()).to.equal("Error: It failed.\n       → Mend it.\n");
  });

  it("with --json, stdout has the one object; only what has to be read goes to stderr", () => {
    const { out, err, stdout, stderr } = streams(null);
    const console = new CommandConsole(out, err, true);
    console.line("a line");
    console.text("a text");
    console.notice("open this page");
    console.result({ ok: true });
    expect(JSON.parse(stdout())).to.deep.equal({ ok: true });
    expect(stderr()).to.equal("open this page\n");
  });

  it("breaks lines to fit a terminal, paints where it has colours, and takes a passing line back", () => {
    const { out, err, stdout } = streams({ columns: 25, colours: true });
    const console = new CommandConsole(out, err, false);
    console.text(long, 2);
    expect(stdout().trimEnd().split("\n")).to.deep.equal([
      "one two three four five",
      "  six seven eight nine",
      "  ten",
    ]);
    console.line(console.paint("red", "red"));
    expect(stdout()).to.equal("\u001b[31mred\u001b[0m\n");
    console.progress("waiting");
    console.line("done");
    expect(stdout()).to.equal("\r\u001b[Kwaiting\r\u001b[Kdone\n");
  });

  it("takes a terminal that says it has no columns for one of 80", () => {
    const { out, err, stdout, stderr } = streams({ columns: 0, colours: false });
    const console = new CommandConsole(out, err, false);
    console.text(long);
    console.error("It failed for a reason.", "Mend it.");
    expect(stdout()).to.equal(`${long}\n`);
    expect(stderr()).to.equal("Error: It failed for a reason.\n       → Mend it.\n");
  });

  it("paints nothing where the terminal has no colours, as NO_COLOR says", () => {
    const { out, err } = streams({ columns: 80, colours: false });
    expect(new CommandConsole(out, err, false).paint("red", "red")).to.equal("red");
  });
});
