import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";

const run = promisify(execFile);

describe("mutated streams of a host", () => {
  it("leave the worker answering, or end it as documented", async () => {
    const args = ["build/test/fuzz/main.js", "--streams", "500", "--seed", "1"];
    const { stdout } = await run(process.execPath, args);
    expect(stdout.trimEnd().split("\n").at(-1)).to.match(/^500 passed, 0 failed$/);
  }).timeout(120_000);
});
