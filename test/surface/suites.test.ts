import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";

interface Run {
  readonly specs: readonly string[];
}

describe("the suites of scripts/", () => {
  // mocha only warns of a file that is not there, so a renamed test would no longer run on Windows.
  it("names no test for Windows that does not exist", async () => {
    const script = pathToFileURL(join(process.cwd(), "scripts", "windows.mjs")).href;
    const { WINDOWS_RUNS } = (await import(script)) as { WINDOWS_RUNS: readonly Run[] };
    const files = WINDOWS_RUNS.flatMap(({ specs }) => specs).filter((spec) => !spec.includes("*"));
    expect(files.length).to.be.greaterThan(10);
    const sources = files.map((file) => file.replace(/^build\/(.*)\.js$/, "$1.ts"));
    expect(sources.filter((source) => !existsSync(source))).to.deep.equal([]);
  });

  it("has each fault of the matrix in docs/faults.md, and no other", function () {
    this.timeout(60_000);
    const mocha = ["node_modules/mocha/bin/mocha.js", "build/test/faults/**/*.test.js"];
    const args = [...mocha, "--dry-run", "--reporter", "json"];
    const report = execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 24 });
    const { tests } = JSON.parse(report) as { tests: { title: string }[] };
    const page = readFileSync("docs/faults.md", "utf8");
    const rows = page.slice(page.indexOf("<!-- generated: faults -->")).split("\n");
    const inPage = rows
      .filter((row) => row.startsWith("| ") && !/^\| (?:Fault|---) /.test(row))
      .map((row) =>
        row
          .split(/(?<!\\)\|/)[1]
          ?.trim()
          .replaceAll("\\|", "|"),
      );
    expect(inPage.sort(), "otherwise: npm run faults -- --record").to.deep.equal(
      tests.map(({ title }) => title).sort(),
    );
  });
});
