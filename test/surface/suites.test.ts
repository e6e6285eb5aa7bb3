import { existsSync } from "node:fs";
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
});
