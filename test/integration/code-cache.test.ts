import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

const MAKER = "scripts/code-cache-maker.cjs";

describe("the code cache", function () {
  this.timeout(30_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-parts-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  it("accepts a code cache only if there is one that V8 uses", async () => {
    const dist = join(folder, "dist");
    await cp("dist", dist, {
      recursive: true,
      filter: (path) => !path.endsWith(".cache"),
    });
    const step = (name: string): number | null =>
      spawnSync(process.execPath, [MAKER, name, dist], { input: "" }).status;
    expect(step("check")).to.not.equal(0);
    expect(step("make")).to.equal(0);
    expect(step("check")).to.equal(0);
    const [cache = ""] = (await readdir(join(dist, "lib"))).filter((name) =>
      name.endsWith(".cache"),
    );
    await truncate(join(dist, "lib", cache), 1_000);
    expect(step("check")).to.not.equal(0);
  });
});
