import { expect } from "chai";

import { LineEditor } from "../../../src/cli/line-editor.js";

describe("cli: a line typed in a terminal's raw mode", () => {
  const feedAll = (echo: boolean, ...chunks: string[]) => {
    const editor = new LineEditor();
    editor.startLine(echo);
    const results = chunks.map((chunk) => editor.feed(chunk));
    return { echo: results.map((each) => each.echo).join(""), last: results.at(-1)?.outcome };
  };

  it("shows what is typed, key by key, and ends at Enter", () => {
    expect(feedAll(true, "a", "ü", "c\r")).to.deep.equal({
      echo: "aüc",
      last: { kind: "line", text: "aüc" },
    });
  });

  it("shows nothing of a secret, not even its length", () => {
    expect(feedAll(false, "hush\u007f\u0015", "secret", "\n")).to.deep.equal({
      echo: "",
      last: { kind: "line", text: "secret" },
    });
  });

  it("takes back with backspace and Ctrl+U, never more than was typed", () => {
    expect(feedAll(true, "\u007fab\u0008\r").last).to.deep.equal({ kind: "line", text: "a" });
    expect(feedAll(true, "abc\u0015d\r")).to.deep.equal({
      echo: "abc\b \b\b \b\b \bd",
      last: { kind: "line", text: "d" },
    });
  });

  it("gives up at Ctrl+C and Ctrl+D", () => {
    for (const key of ["\u0003", "\u0004"])
      expect(feedAll(false, `abc${key}`).last).to.deep.equal({ kind: "givenUp" });
  });

  it("does nothing for arrow keys and other control keys", () => {
    expect(feedAll(true, "a\u001b[D\u001b[3~\u001bOP\t\u0001b\r")).to.deep.equal({
      echo: "ab",
      last: { kind: "line", text: "ab" },
    });
  });

  it("keeps what was pasted after a line for the next question", () => {
    const editor = new LineEditor();
    editor.startLine(true);
    expect(editor.feed("id\r\nsecret\r\n").outcome).to.deep.equal({ kind: "line", text: "id" });
    editor.startLine(false);
    expect(editor.feed("")).to.deep.equal({ echo: "", outcome: { kind: "line", text: "secret" } });
    editor.startLine(true);
    expect(editor.feed("").outcome).to.deep.equal({ kind: "more" });
  });
});
