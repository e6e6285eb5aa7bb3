import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

import { expect } from "chai";

import { MarkdownPage, publishedPages } from "../support/markdown-page-fixture.js";

describe("README.md, CHANGELOG.md, CONTRIBUTING.md, examples/ and docs/", () => {
  for (const page of publishedPages()) {
    it(`${page.path} links to files and headings that exist`, () => {
      for (const link of page.links.filter((target) => !/^[a-z]+:/.test(target))) {
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? page.path : normalize(join(dirname(page.path), path));
        expect(existsSync(target), `${link} in ${page.path}`).to.equal(true);
        if (anchor !== undefined)
          expect(new MarkdownPage(target).anchors, `${link} in ${page.path}`).to.include(anchor);
      }
    });

    it(`${page.path} contains no local path`, () => {
      expect(page.text).not.to.include(process.cwd());
      expect(page.text).not.to.match(/(^|[\s"'`(=])\/(tmp|root|work|home)\//m);
    });
  }

  it("links every page of docs/ in the README", () => {
    const { links } = new MarkdownPage("README.md");
    for (const name of readdirSync("docs").filter((entry) => entry.endsWith(".md")))
      expect(links).to.include(`docs/${name}`);
  });

  it("refers to files that exist", () => {
    for (const page of publishedPages()) {
      for (const [path] of page.text.matchAll(
        /\b(src|simulator|scripts|test)\/[\w./-]*\w\.(ts|mjs)\b/g,
      )) {
        expect(existsSync(path), `${path} in ${page.path}`).to.equal(true);
      }
    }
  });

  it("refers to npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const page of publishedPages()) {
      for (const [, name = "test"] of page.text.matchAll(
        /\bnpm (?:run (?:-s )?([\w:]+)|(test)\b)/g,
      )) {
        expect(scripts, page.path).to.have.property(name);
      }
    }
  });

  it("begins the changelog with the current version", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    const [newest] = new MarkdownPage("CHANGELOG.md").headings.slice(1);
    expect(newest).to.match(new RegExp(`^${version.replaceAll(".", "\\.")}( |$)`));
  });
});
