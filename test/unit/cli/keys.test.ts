import { EventEmitter } from "node:events";
import { expect } from "chai";

import { LineEditor, onQuitKey } from "../../../src/cli/terminal/keys.js";

describe("cli/terminal/keys LineEditor", () => {
  const feedAll = (echo: boolean, ...chunks: string[]) => {
    const editor = new LineEditor();
    editor.startLine(echo);
    const results = chunks.map((chunk) => editor.feed(chunk));
    return { echo: results.map((result) => result.echo).join(""), last: results.at(-1)?.outcome };
  };

  it("echoes each key and ends the line at Enter", () => {
    expect(feedAll(true, "a", "ü", "c\r")).to.deep.equal({
      echo: "aüc",
      last: { kind: "line", text: "aüc" },
    });
  });

  it("echoes nothing of a secret, not even its length", () => {
    expect(feedAll(false, "hush\u007f\u0015", "secret", "\n")).to.deep.equal({
      echo: "",
      last: { kind: "line", text: "secret" },
    });
  });

  it("deletes with Backspace and Ctrl+U, never more than was typed", () => {
    expect(feedAll(true, "\u007fab\u0008\r").last).to.deep.equal({ kind: "line", text: "a" });
    expect(feedAll(true, "abc\u0015d\r")).to.deep.equal({
      echo: "abc\b \b\b \b\b \bd",
      last: { kind: "line", text: "d" },
    });
  });

  it("cancels at Ctrl+C and Ctrl+D", () => {
    for (const key of ["\u0003", "\u0004"])
      expect(feedAll(false, `abc${key}`).last).to.deep.equal({ kind: "cancelled" });
  });

  it("ignores arrow keys and other control keys", () => {
    expect(feedAll(true, "a\u001b[D\u001b[3~\u001bOP\t\u0001b\r")).to.deep.equal({
      echo: "ab",
      last: { kind: "line", text: "ab" },
    });
  });

  it("keeps text pasted after a line for the next prompt", () => {
    const editor = new LineEditor();
    editor.startLine(true);
    expect(editor.feed("id\r\nsecret\r\n").outcome).to.deep.equal({ kind: "line", text: "id" });
    editor.startLine(false);
    expect(editor.feed("")).to.deep.equal({ echo: "", outcome: { kind: "line", text: "secret" } });
    editor.startLine(true);
    expect(editor.feed("").outcome).to.deep.equal({ kind: "incomplete" });
  });
});

describe("cli/terminal/keys onQuitKey", () => {
  it("reports q, Ctrl+C and Ctrl+D, and restores the terminal when disposed", () => {
    const modes: boolean[] = [];
    const input = Object.assign(new EventEmitter(), {
      setRawMode: (raw: boolean) => modes.push(raw),
      pause: () => undefined,
    });
    let quits = 0;
    const dispose = onQuitKey(
      input as unknown as Parameters<typeof onQuitKey>[0],
      () => (quits += 1),
    );
    for (const key of ["x", "q", "\u0003", "\u0004", "\u001b[A"])
      input.emit("data", Buffer.from(key));
    expect(quits).to.equal(3);
    dispose();
    input.emit("data", Buffer.from("q"));
    expect(quits).to.equal(3);
    expect(modes).to.deep.equal([true, false]);
  });
});
