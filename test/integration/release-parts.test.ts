import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";

const MAKER = "scripts/code-cache-maker.cjs";
const CACHES = join("node_modules", ".cache", "runtimes");

describe("the parts of a release", function () {
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

  it("refuses a runtime that is not the pinned one, and keeps nothing of it", async function () {
    // The program that stands for npm is a shell script.
    if (process.platform === "win32") this.skip();
    const script = pathToFileURL(resolve("scripts", "release", "runtimes.mjs")).href;
    const { fetchRuntime } = (await import(script)) as {
      fetchRuntime: (runtime: object, options: object) => Promise<unknown>;
    };
    const npm = `#!/bin/sh\necho another > x.tgz\necho '[{"filename":"x.tgz"}]'\n`;
    await writeFile(join(folder, "npm"), npm, { mode: 0o755 });
    const { PATH } = process.env;
    process.env.PATH = `${folder}${delimiter}${PATH}`;
    try {
      const runtime = {
        ...{ package: "node-test", version: "0.0.0", executable: "bin/node" },
        integrity: `sha512-${"A".repeat(86)}==`,
      };
      const error = await fetchRuntime(runtime, { log: () => undefined }).catch(
        (reason: unknown) => reason,
      );
      expect(String(error)).to.include("node-test@0.0.0 is not the file that is pinned");
    } finally {
      process.env.PATH = PATH;
    }
    expect(existsSync(join(CACHES, "node-test-0.0.0"))).to.equal(false);
    const left = (await readdir(CACHES)).filter((name) => name.startsWith("download-"));
    expect(left).to.deep.equal([]);
  });
});
