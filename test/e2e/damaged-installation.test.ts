import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

describe("e2e: a damaged installation", function () {
  this.timeout(20_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-damaged-"));
    mkdirSync(join(folder, "dist", "lib"), { recursive: true });
    cpSync("dist/worker.cjs", join(folder, "dist", "worker.cjs"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [what, content, reason] of [
    ["missing", null, "ENOENT"],
    ["cut", "(function (exports) { return ", "SyntaxError"],
  ] as const) {
    it(`ends the worker with code 70 and one line if its program is ${what}`, () => {
      const path = join(folder, "dist", "lib", "worker.cjs");
      if (content !== null) writeFileSync(path, content);
      const args = [join(folder, "dist", "worker.cjs"), "--settings", join(folder, "x.ini")];
      const options = { encoding: "utf8", input: "" } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
      expect(status).to.equal(70);
      expect(stdout).to.equal("");
      expect(stderr.trim().split("\n"), stderr).to.have.lengthOf(1);
      expect(stderr).to.include(path).and.include(reason);
      expect(stderr).to.include("installation is damaged").and.include("Unpack the release again");
    });
  }
});
