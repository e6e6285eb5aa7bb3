import { existsSync, readFileSync } from "node:fs";

import { expect } from "chai";

import { MarkdownPage } from "../support/markdown-page-fixture.js";

const MIN_PROMISES = 30;

describe("docs/security.md", () => {
  const page = new MarkdownPage("docs/security.md");
  const rows = page
    .section("What is promised")
    .text.split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (Promise|---) /.test(line));

  it("makes every promise with a test", () => {
    expect(rows.length).to.be.at.least(MIN_PROMISES);
    for (const row of rows) expect(row).to.match(/^\| .+ \| `test\/[\w/.-]+\.test\.ts`: .+ \|$/);
  });

  for (const row of rows) {
    const [, path = "", title = ""] = /`(test\/[^`]+)`: (.+) \|$/.exec(row) ?? [];
    it(`names a test that exists: ${path}: ${title}`, () => {
      expect(existsSync(path), path).to.equal(true);
      const titles = [...readFileSync(path, "utf8").matchAll(/\bit\(\s*"((?:[^"\\]|\\.)*)"/g)];
      expect(titles.map(([, text]) => text)).to.include(title);
    });
  }
});
