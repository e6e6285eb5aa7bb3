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
  // Since Node.js 26, read() returns one chunk even if more are there.
  const read = (stream: PassThrough): string => {
    let text = "";
    for (;;) {
      const chunk = stream.read() as Buffer | null;
      if (chunk === null) return text;
      text += chunk.toString();
    }
  };
  return { out, err, stdout: () => read(out), stderr: () => read(err) };
}

describe("cli/terminal/console", () => {
  const long = "one two three four five six seven eight nine ten";

  it("writes unwrapped lines without escape sequences to a pipe", () => {
    const { out, err, stdout, stderr } = streams(null);
    const console = new CommandConsole(out, err, false);
    console.progress("waiting");
    console.text(long);
    console.line(console.paint("plain", "red"));
    console.error("It failed.", "Fix it.");
    console.result({ ok: true });
    expect(stdout()).to.equal(`${long}\nplain\n`);
    expect(stderr()).to.equal("Error: It failed.\n       → Fix it.\n");
  });

  it("with --json, writes one object to stdout and only notices to stderr", () => {
    const { out, err, stdout, stderr } = streams(null);
    const console = new CommandConsole(out, err, true);
    console.line("a line");
    console.text("a text");
    console.notice("open this page");
    console.result({ ok: true });
    expect(JSON.parse(stdout())).to.deep.equal({ ok: true });
    expect(stderr()).to.equal("open this page\n");
  });

  it("on a terminal, wraps lines, uses its colors, and clears the progress line", () => {
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
    expect(stdout()).to.equal("\r\u001b[K\u001b[2mwaiting\u001b[0m\r\u001b[Kdone\n");
  });

  it("clips the progress line, because a second line of it would stay on the terminal", () => {
    const { out, err, stdout } = streams({ columns: 20, colours: true });
    const console = new CommandConsole(out, err, false);
    console.progress("Waiting (5:00 left). Press a key.");
    expect(stdout()).to.equal("\r\u001b[K\u001b[2mWaiting (5:00 left…\u001b[0m");
  });

  it("assumes 80 columns if the terminal reports none", () => {
    const { out, err, stdout, stderr } = streams({ columns: 0, colours: false });
    const console = new CommandConsole(out, err, false);
    console.text(long);
    console.error("It failed for a reason.", "Fix it.");
    expect(stdout()).to.equal(`${long}\n`);
    expect(stderr()).to.equal("Error: It failed for a reason.\n       → Fix it.\n");
  });

  it("uses no colors if the terminal has none, which NO_COLOR makes it report", () => {
    const { out, err } = streams({ columns: 80, colours: false });
    expect(new CommandConsole(out, err, false).paint("red", "red")).to.equal("red");
  });
});
