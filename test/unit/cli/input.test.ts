import { PassThrough } from "node:stream";
import { expect } from "chai";

import { readClient } from "../../../src/cli/secret.js";
import { readGrant } from "../../../src/cli/authorizations.js";
import { CommandInput, LineEditor, UsageError } from "../../../src/cli/terminal/input.js";
import { Fault } from "../../../src/faults/fault.js";

function piped(text: string | Buffer, signal = new AbortController().signal): CommandInput {
  const stream = new PassThrough();
  stream.end(text);
  return new CommandInput(stream as unknown as NodeJS.ReadStream, new PassThrough(), signal);
}

async function catchError(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("cli/terminal/input from a pipe", () => {
  it("reads lines with any line ending, without a byte order mark", async () => {
    expect(await piped("\ufeffid\r\nsecret\r\n").readLines(2)).to.deep.equal(["id", "secret"]);
    expect(await piped("id\nsecret").readLines(2)).to.deep.equal(["id", "secret"]);
    expect(await piped("id").readLines(2)).to.deep.equal(["id"]);
    expect(await piped("").readLines(2)).to.deep.equal([]);
    expect(await piped("\n").readLines(1)).to.deep.equal([]);
  });

  it("skips blank lines, unless there is nothing else", async () => {
    for (const text of ["\n\nid\n \n\nsecret\n\n", "\r\nid\r\nsecret", "\rid\r\rsecret\r"])
      expect(await piped(text).readLines(2)).to.deep.equal(["id", "secret"]);
    expect(await piped("\npassword\n").readLines(1)).to.deep.equal(["password"]);
    expect(await piped("\n\n").readLines(1)).to.deep.equal([]);
    // A password may consist of spaces. It must not delete the stored one.
    expect(await piped("  \n").readLines(1)).to.deep.equal(["  "]);
  });

  it("refuses more lines than it is asked for, without repeating them", async () => {
    for (const [text, count] of [
      ["hush\nhush\n", 1],
      ["hush\n\nhush", 1],
      ["id\nhush\nhush\n", 2],
      ["id\nhush\n\n\nhush", 2],
    ] as const) {
      const error = (await catchError(() => piped(text).readLines(count))) as UsageError;
      expect(error).to.be.instanceOf(UsageError);
      expect(error.message).to.match(/^Stdin contains more than .* Nothing was stored\.$/);
      expect(error.message).to.not.include("hush");
    }
  });

  it("does not wait for the end once it has enough lines", async () => {
    const stream = new PassThrough();
    const input = new CommandInput(
      stream as unknown as NodeJS.ReadStream,
      new PassThrough(),
      new AbortController().signal,
    );
    stream.write("\nid\n\nsecret\n");
    expect(await input.readLines(2)).to.deep.equal(["id", "secret"]);
  });

  const utf16le = (text: string): Buffer => Buffer.from(text, "utf16le");
  const utf16be = (text: string): Buffer => utf16le(text).swap16();
  const ENCODINGS: Readonly<Record<string, (text: string) => Buffer>> = {
    "UTF-8": (text) => Buffer.from(text),
    "UTF-8 with a byte order mark": (text) => Buffer.from(`\ufeff${text}`),
    "UTF-16LE with a byte order mark": (text) => utf16le(`\ufeff${text}`),
    "UTF-16BE with a byte order mark": (text) => utf16be(`\ufeff${text}`),
    "UTF-16LE without a byte order mark": utf16le,
    "UTF-16BE without a byte order mark": utf16be,
  };

  for (const [name, encode] of Object.entries(ENCODINGS)) {
    it(`decodes ${name}, whatever ends the lines and the text, and however it arrives`, async () => {
      for (const text of ["id\r\nsécret\r\n", "id\nsécret", "id\rsécret\r", "id\nsécret\n\n\n"]) {
        expect(await piped(encode(text)).readLines(2)).to.deep.equal(["id", "sécret"]);
        expect(await piped(encode(text)).readAll()).to.equal(text);
      }
      expect(await piped(encode("id\nsécret\u001a\r\n")).readLines(2)).to.deep.equal([
        "id",
        "sécret",
      ]);
      const stream = new PassThrough();
      const { signal } = new AbortController();
      const input = new CommandInput(
        stream as unknown as NodeJS.ReadStream,
        new PassThrough(),
        signal,
      );
      const lines = input.readLines(2);
      for (const byte of encode("id\r\nsécret\r\n")) stream.write(Buffer.of(byte));
      expect(await lines).to.deep.equal(["id", "sécret"]);
    });
  }

  it("refuses other encodings without repeating the input", async () => {
    for (const bytes of [
      Buffer.from("hush \xe9\n", "latin1"),
      Buffer.from([0xff, 0xfe, 0, 0, ...Buffer.from("h\0\0\0", "latin1")]),
      Buffer.from([0xef, 0xbb, 0xbf, 0xe9, 0x0a]),
      Buffer.from([0x68, 0x00, 0x0a]),
    ]) {
      for (const read of [
        () => piped(bytes).readLines(1),
        () => piped(bytes).readAll(),
        () => readClient(piped(bytes), null),
      ]) {
        const error = (await catchError(read)) as UsageError;
        expect(error).to.be.instanceOf(UsageError);
        expect(error.message).to.match(/^Stdin (is neither UTF-8 nor|cannot be decoded: )/);
        expect(error.message).to.not.include("hush");
        expect(error.hint).to.include("UTF-8");
      }
    }
  });

  it("limits the length, and is cancelled with the command", async () => {
    expect(await catchError(() => piped("x".repeat(70_000)).readAll())).to.be.instanceOf(
      UsageError,
    );
    const abort = new AbortController();
    const stream = new PassThrough();
    const reading = new CommandInput(
      stream as unknown as NodeJS.ReadStream,
      new PassThrough(),
      abort.signal,
    ).readAll();
    abort.abort();
    expect(await catchError(() => reading))
      .to.be.instanceOf(Fault)
      .and.to.include({ code: "cancelled" });
  });
});

describe("cli/secret readClient", () => {
  it("reads two lines and trims them", async () => {
    const client = await readClient(piped(" id \nsecret \n"), null);
    expect(client?.clientId).to.equal("id");
    expect(client?.clientSecret.reveal()).to.equal("secret");
  });

  it("keeps the stored client if stdin is empty", async () => {
    expect(await readClient(piped(""), "id")).to.equal(null);
    expect(await readClient(piped("\n \n"), "id")).to.equal(null);
  });

  it("reads past blank lines", async () => {
    const client = await readClient(piped("\n\nid\n \nsecret\n"), "stored");
    expect(client?.clientId).to.equal("id");
    expect(client?.clientSecret.reveal()).to.equal("secret");
  });

  it("rejects half a client without repeating it", async () => {
    for (const [text, stored] of [
      ["", null],
      ["hush\n", null],
      ["\nhush\n", "id"],
      ["other\n", "id"],
      ["id\n", "id"],
      ["id\n\n", "id"],
    ] as const) {
      const error = await catchError(() => readClient(piped(text), stored));
      expect(error).to.be.instanceOf(UsageError);
      if (text !== "") expect((error as UsageError).message).to.include("Nothing was stored.");
      expect((error as UsageError).message).to.not.include("hush");
    }
  });
});

describe("cli/secret: what a client ID and a client secret consist of", () => {
  for (const [what, text] of [
    ["a NUL", "hu\0sh"],
    ["a tab", "hu\tsh"],
    ["a space", "hu sh"],
    ["a label", "Client ID: hush"],
    ["an escape sequence", "\u001b[200~hush"],
    ["a C1 control character", "hu\u0085sh"],
    ["an invisible character", "hush\u200b"],
    ["a typographic quote", "“hush”"],
    ["quotation marks", '"hush"'],
    ["single quotation marks", "'hush'"],
  ] as const) {
    it(`refuses ${what}, and does not repeat it`, async () => {
      for (const lines of [`${text}\nsecret\n`, `id\n${text}\n`]) {
        const error = (await catchError(() => readClient(piped(lines), null))) as UsageError;
        expect(error).to.be.instanceOf(UsageError);
        expect(error.message).to.match(
          /^The client (ID|secret) (contains|is in) .*Nothing was stored/,
        );
        expect(error.message + error.hint).to.not.include("hu");
      }
      const grant = JSON.stringify({ refreshToken: text });
      const error = (await catchError(() => readGrant(grant))) as UsageError;
      expect(error.message).to.match(/refreshToken: It (contains|is in)/);
    });
  }
});

describe("cli/authorizations readGrant", () => {
  it("parses the parameters of authorization/import", () => {
    const grant = readGrant(
      '{"refreshToken":"r","accessToken":"a","expiresIn":5,"scope":"x y","orgId":"ignored"}',
    );
    expect(grant.refreshToken.reveal()).to.equal("r");
    expect(grant.accessToken?.reveal()).to.equal("a");
    expect(grant).to.include({ expiresIn: 5, refreshTokenExpiresIn: null, scope: "x y" });
  });

  it("names what is invalid without repeating it", async () => {
    for (const [text, fragment] of [
      [" ", "contains no grant"],
      ["{hush", "not valid JSON"],
      ["[]", "array instead of an object"],
      ['[{"refreshToken":"hush"}]', "array instead of an object"],
      ['{"refreshToken":""}', "refreshToken"],
      ['{"refreshToken":"r","expiresIn":"hush"}', "expiresIn"],
    ] as const) {
      const error = (await catchError(() => readGrant(text))) as UsageError;
      expect(error).to.be.instanceOf(UsageError);
      expect(error.message).to.include(fragment);
      expect(error.message).to.not.include("hush");
    }
  });
});

describe("cli/terminal/input LineEditor", () => {
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
