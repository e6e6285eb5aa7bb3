import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { testPipes } from "../support/pipes-contract.js";
import { skipOnWindows } from "../support/windows-fixture.js";

describe("e2e: pipes that the host does not read", function () {
  this.timeout(60_000);
  testPipes(process.execPath);

  it("exits with code 2 if the error of the launch cannot be written", async function () {
    skipOnWindows(this, "Windows has no named pipes (mkfifo) in its file system");
    const folder = mkdtempSync(join(tmpdir(), "ucx-pipes-"));
    const path = join(folder, "stderr");
    execFileSync("mkfifo", [path]);
    const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      expect(() => {
        for (;;) writeSync(pipe, Buffer.alloc(4096));
      }).to.throw("EAGAIN");
      const worker = spawn(process.execPath, ["dist/worker.cjs", "--nonsense"], {
        stdio: ["ignore", "ignore", pipe],
      });
      const timer = setTimeout(() => worker.kill("SIGKILL"), 10_000);
      expect(await once(worker, "exit")).to.deep.equal([2, null]);
      clearTimeout(timer);
    } finally {
      closeSync(pipe);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
