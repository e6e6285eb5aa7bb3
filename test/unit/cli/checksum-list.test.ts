import { expect } from "chai";

import { parseChecksums } from "../../../src/cli/checksum-list.js";

const DIGEST = "a".repeat(64);

describe("cli/checksum-list", () => {
  it("parses what sha256sum prints, with any line ends", () => {
    const lines = [`${DIGEST}  dist/cli.cjs`, `${DIGEST.toUpperCase()} *runtime/node.exe`, ""];
    for (const lineEnd of ["\n", "\r\n"]) {
      const checksums = parseChecksums(lines.join(lineEnd));
      expect([...(checksums as ReadonlyMap<string, string>)]).to.deep.equal([
        ["dist/cli.cjs", DIGEST],
        ["runtime/node.exe", DIGEST],
      ]);
    }
  });

  for (const [what, line] of [
    ["a short checksum", `${"a".repeat(63)}  dist/cli.cjs`],
    ["no path", `${DIGEST}  `],
    ["an absolute path", `${DIGEST}  /etc/passwd`],
    ["a path on a drive", `${DIGEST}  C:/Windows/win.ini`],
    ["a path that leaves the folder", `${DIGEST}  dist/../../secret`],
    ["backslashes", `${DIGEST}  dist\\cli.cjs`],
    ["another file's text", "<html>"],
    ["a path that was listed before", `${DIGEST}  first`],
  ] as const) {
    it(`names the line with ${what}`, () => {
      expect(parseChecksums(`${DIGEST}  first\n${line}\n`)).to.deep.equal({
        error: "is damaged: its line 2 is not a checksum and a path",
      });
    });
  }

  it("does not accept an empty list", () => {
    expect(parseChecksums("\n")).to.deep.equal({ error: "is damaged: it lists no file" });
  });
});
