import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

import { expect } from "chai";

import { IS_WINDOWS } from "../support/windows-fixture.js";

/** Runs the npm that runs the tests; if none does, the one on the PATH. */
function runNpm(...args: string[]): SpawnSyncReturns<string> {
  const npm = process.env.npm_execpath;
  if (npm !== undefined) return spawnSync(process.execPath, [npm, ...args], { encoding: "utf8" });
  return spawnSync("npm", args, { encoding: "utf8", shell: IS_WINDOWS });
}

describe("the package", function () {
  this.timeout(60_000);
  let files: string[] = [];

  before(() => {
    // Its scripts would rebuild dist/ while other tests use it.
    const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const { stdout, stderr } = runNpm(...pack);
    expect(stdout, stderr).to.match(/^\[/);
    const [report] = JSON.parse(stdout) as { files: { path: string }[] }[];
    files = report!.files.map(({ path }) => path);
  });

  it("contains what a host and an administrator need", () => {
    const { bin } = JSON.parse(readFileSync("package.json", "utf8")) as {
      bin: Record<string, string>;
    };
    expect(files).to.include.members([
      "package.json",
      "dist/worker.cjs",
      "dist/client.cjs",
      "dist/client.d.cts",
      ...Object.values(bin),
      "plugin.manifest.json",
      "plugin.manifest.schema.json",
      "openrpc.json",
      "README.md",
      "CHANGELOG.md",
      "LICENSE",
      "THIRD-PARTY-NOTICES",
      "docs/operations.md",
      "docs/protocol.md",
      "examples/README.md",
      "examples/csharp/Host.cs",
      "examples/csharp/Host.csproj",
      "examples/csharp/Worker.cs",
      "examples/csharp/StreamJsonRpcHost.cs",
      "examples/csharp/StreamJsonRpcHost.csproj",
      "examples/python/host.py",
    ]);
  });

  it("contains each library that the worker loads on demand", () => {
    const bundle = readFileSync("dist/lib/worker.cjs", "utf8");
    const loaded = [
      ...new Set(
        [...bundle.matchAll(/["'`]\.\/(lib\/[\w-]+\.cjs)["'`]/g)].map(
          (match) => `dist/${match[1]}`,
        ),
      ),
    ];
    expect(loaded).to.include.members([
      "dist/lib/axios.cjs",
      "dist/lib/winston.cjs",
      "dist/lib/chokidar.cjs",
    ]);
    expect(files).to.include.members(loaded);
  });

  it("contains programs in ASCII, which V8 stores in one byte per character", () => {
    for (const name of readdirSync("dist/lib").filter((each) => each.endsWith(".cjs"))) {
      const unexpected = /[^\0-\x7f]+/.exec(readFileSync(`dist/lib/${name}`, "utf8"));
      expect(unexpected?.[0] ?? "", name).to.equal("");
    }
  });

  it("contains no sources, tests, tools or local files", () => {
    const unexpected = files.filter(
      (path) =>
        !/^(dist|docs)\/|^examples\/([^/]+\/)?[^/]+\.(cs|csproj|py|md|yml)$|^[^/]+\.(json|md)$|^(LICENSE|THIRD-PARTY-NOTICES)$/.test(
          path,
        ),
    );
    expect(unexpected).to.deep.equal([]);
    expect(files.filter((path) => /\.(log|ini|ts|test\.js)$/.test(path))).to.deep.equal([]);
  });

  it("contains no path of the build machine in its programs", () => {
    for (const path of files.filter((name) => name.startsWith("dist/"))) {
      expect(readFileSync(path, "utf8").includes(process.cwd()), path).to.equal(false);
    }
  });
});
