import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";
import type { Browser, Page } from "playwright-core";

import { findSeriousViolations } from "../support/axe-fixture.js";
import { launchChromium } from "../support/browser-flow-http-harness.js";
import { MarkdownPage } from "../support/markdown-page-fixture.js";
import { skipOnWindows } from "../support/windows-fixture.js";

const SOURCES = ["docs", "README.md", "CHANGELOG.md", "LICENSE"];
const WRITE_SITE = `
  const { writeSite } = await import(${JSON.stringify(pathToFileURL("scripts/release/site.mjs").href)});
  await writeSite(process.argv[1]);
`;

function writeSite(): string {
  const folder = mkdtempSync(join(tmpdir(), "ucx-site-"));
  for (const path of SOURCES) cpSync(path, join(folder, path), { recursive: true });
  const args = ["--input-type=module", "--eval", WRITE_SITE, folder];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(status, stderr).to.equal(0);
  return folder;
}

function readFiles(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /\.(html|js|css|md)$/.test(name))
    .sort();
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

const idsOf = (html: string): string[] =>
  [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!);

describe("the documentation as a site", function () {
  this.timeout(60_000);
  let folder = "";
  let files = new Map<string, string>();
  const pages = (): [string, string][] => [...files].filter(([name]) => name.endsWith(".html"));

  before(function () {
    skipOnWindows(this, "making the site needs the esbuild of this system; Wine has that of Linux");
    folder = writeSite();
    files = readFiles(folder);
  });
  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  it("has links that lead to files and anchors that exist, on every page", () => {
    for (const [name, html] of pages()) {
      for (const [, link = ""] of html.matchAll(/ (?:href|src)="([^"]+)"/g)) {
        if (/^(https?|mailto):/.test(link)) continue;
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? name : posix.normalize(posix.join(dirname(name), path));
        expect(existsSync(join(folder, target)), `${name}: ${link}`).to.equal(true);
        if (anchor === undefined || anchor === "site-content") continue;
        expect(idsOf(files.get(target) ?? ""), `${name}: ${link}`).to.include(
          decodeURIComponent(anchor),
        );
      }
    }
    expect(pages().length).to.be.greaterThan(50);
  });

  it("has no id twice on a page", () => {
    for (const [name, html] of pages()) {
      const ids = idsOf(html);
      expect(
        ids.filter((id, at) => ids.indexOf(id) !== at),
        name,
      ).to.deep.equal([]);
    }
  });

  it("has the anchors that GitHub gives the headings", () => {
    for (const [name] of files) {
      if (!name.endsWith(".md")) continue;
      const { anchors } = new MarkdownPage(name, files.get(name));
      const ids = idsOf(files.get(name.replace(/\.md$/, ".html")) ?? "");
      for (const anchor of new Set(anchors)) expect(ids, name).to.include(anchor);
    }
  });

  it("loads nothing from elsewhere, and no modules", () => {
    for (const [name, html] of pages()) {
      expect(html, name).not.to.match(/<(script|link|img)[^>]+(src|href)="(https?:)?\/\//);
      expect(html, name).not.to.match(/type="module"/);
    }
  });

  it("has every page in its navigation, for whom the README says it is", () => {
    const index = files.get("docs/index.html") ?? "";
    for (const [name] of pages()) {
      if (name === "docs/index.html") continue;
      const href = posix.relative("docs", name);
      expect(index, name).to.include(`<a href="${href}">`);
    }
    const operators = /id="operators".*?<\/section>/s.exec(index)?.[0] ?? "";
    expect(operators).to.include("operations.html").and.to.include("security.html");
  });

  it("is the same to the byte when it is made again", () => {
    const second = writeSite();
    try {
      expect(readFiles(second)).to.deep.equal(files);
    } finally {
      rmSync(second, { recursive: true, force: true });
    }
  });

  describe("opened from the disk", () => {
    let browser: Browser | null = null;
    const errors: string[] = [];

    before(async function () {
      browser = await launchChromium(this);
    });
    after(() => browser?.close());

    const urlOf = (name: string): string => pathToFileURL(join(folder, name)).href;
    async function open(
      name: string,
      options: { width?: number; colorScheme?: "light" | "dark"; javaScriptEnabled?: boolean } = {},
    ): Promise<Page> {
      const { width = 1280, colorScheme = "light", javaScriptEnabled = true } = options;
      const viewport = { width, height: 800 };
      const context = await browser!.newContext({ viewport, colorScheme, javaScriptEnabled });
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => errors.push(message.text()));
      await page.goto(urlOf(name));
      return page;
    }

    it("finds a section with the keyboard alone, and follows it", async () => {
      const page = await open("docs/decisions/README.html");
      await page.keyboard.press("/");
      await page.keyboard.type("PollIntervalSeconds");
      await page.waitForSelector("#site-results li");
      expect(await page.textContent("#site-results [role=status]")).to.match(/^\d+ sections/);
      for (const [words, first] of [
        ["webexUnreachable", "Problems, errors and exit codes › Troubleshooting"],
        ["proxy passw", "Settings › Proxy"],
      ] as const) {
        await page.fill("#site-query", words);
        await page.waitForFunction(
          `document.querySelector('#site-results li a')?.textContent === ${JSON.stringify(first)}`,
        );
      }
      expect(await page.textContent("#site-results li .group")).to.equal("Administrators");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForURL(`${urlOf("docs/settings.html")}#proxy`);
      await page.keyboard.press("/");
      await page.keyboard.type("qqqqzzzz");
      await page.waitForFunction("document.querySelector('#site-results p').textContent !== ''");
      expect(await page.textContent("#site-results p")).to.equal("Nothing found for “qqqqzzzz”.");
      await page.keyboard.press("Escape");
      expect(await page.isVisible("#site-results")).to.equal(false);
      expect(errors).to.deep.equal([]);
    });

    it("switches between light and dark, and remembers it on other pages", async () => {
      const page = await open("README.html", { colorScheme: "dark" });
      const background = (): Promise<string> =>
        page.evaluate("getComputedStyle(document.body).backgroundColor");
      const dark = await background();
      await page.click("#site-theme");
      expect(await background()).not.to.equal(dark);
      await page.goto(urlOf("docs/limits.html"));
      expect(await background()).not.to.equal(dark);
      await page.click("#site-theme");
      expect(await background()).to.equal(dark);
    });

    for (const width of [1280, 320]) {
      for (const colorScheme of ["light", "dark"] as const) {
        it(`has no serious violation at ${width} px, ${colorScheme}`, async () => {
          const page = await open("docs/index.html", { width, colorScheme });
          expect(await findSeriousViolations(page)).to.deep.equal([]);
          // A small page with tables and code, as axe takes seconds for a large one.
          await page.goto(urlOf("docs/limits.html"));
          await page.fill("#site-query", "rights of the log folder");
          await page.waitForSelector("#site-results li");
          expect(await findSeriousViolations(page)).to.deep.equal([]);
        });
      }
    }

    it("does not scroll sideways at 320 px", async () => {
      const page = await open("README.html", { width: 320, javaScriptEnabled: false });
      for (const [name] of pages().filter(([path]) => !/decisions\/\d/.test(path))) {
        await page.goto(urlOf(name));
        const width = await page.evaluate<number>("document.documentElement.scrollWidth");
        expect(width, name).to.be.at.most(320);
      }
    });

    it("has navigation without a script, and only content on paper", async () => {
      const page = await open("docs/settings.html", { javaScriptEnabled: false });
      expect(await page.isVisible("nav a[href='operations.html']")).to.equal(true);
      expect(await page.isVisible("#site-search")).to.equal(false);
      await page.emulateMedia({ media: "print" });
      expect(await page.isVisible("nav")).to.equal(false);
      expect(await page.isVisible("main h1")).to.equal(true);
    });
  });
});
