import { expect } from "chai";

import { LineEditor } from "../../../src/cli/line-editor.js";

describe("cli: a line typed in a terminal's raw mode", () => {
  const typing = (echo: boolean, ...chunks: string[]) => {
    const editor = new LineEditor();
    editor.begin(echo);
    const typed = chunks.map((chunk) => editor.type(chunk));
    return { shown: typed.map((each) => each.echo).join(""), last: typed.at(-1)?.outcome };
  };

  it("shows what is typed, key by key, and ends at Enter", () => {
    expect(typing(true, "a", "ü", "c\r")).to.deep.equal({ shown: "aüc", last: { kind: "line", text: "aüc" } });
  });

  it("shows nothing of a secret, not even its length", () => {
    expect(typing(false, "hush\u007f\u0015", "secret", "\n")).to.deep.equal({
      shown: "",
      last: { kind: "line", text: "secret" },
    });
  });

  it("takes back with backspace and Ctrl+U, never more than was typed", () => {
    expect(typing(true, "\u007fab\u0008\r").last).to.deep.equal({ kind: "line", text: "a" });
    expect(typing(true, "abc\u0015d\r")).to.deep.equal({ shown: "abc\b \b\b \b\b \bd", last: { kind: "line", text: "d" } });
  });

  it("gives up at Ctrl+C and Ctrl+D", () => {
    for (const key of ["\u0003", "\u0004"]) expect(typing(false, `abc${key}`).last).to.deep.equal({ kind: "givenUp" });
  });

  it("does nothing for arrow keys and other control keys", () => {
    expect(typing(true, "a\u001b[D\u001b[3~\u001bOP\t\u0001b\r")).to.deep.equal({
      shown: "ab",
      last: { kind: "line", text: "ab" },
    });
  });

  it("keeps what was pasted after a line for the next question", () => {
    const editor = new LineEditor();
    editor.begin(true);
    expect(editor.type("id\r\nsecret\r\n").outcome).to.deep.equal({ kind: "line", text: "id" });
    editor.begin(false);
    expect(editor.type("")).to.deep.equal({ echo: "", outcome: { kind: "line", text: "secret" } });
    editor.begin(true);
    expect(editor.type("").outcome).to.deep.equal({ kind: "more" });
  });
});
