import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

interface Runtime {
  readonly package: string;
  readonly version: string;
  readonly integrity: string;
  readonly executable: string;
}
interface Options {
  readonly log: (line: string) => void;
  readonly cache: string;
}

const { downloadRuntime, writeRuntime } = (await import(
  pathToFileURL(join(process.cwd(), "scripts", "release", "runtimes.mjs")).href
)) as {
  downloadRuntime: (runtime: Runtime, options: Options) => Promise<Buffer>;
  writeRuntime: (runtime: Runtime, path: string, options: Options) => Promise<void>;
};

const NAME = "node-of-this-test";

describe("the runtimes of the release", function () {
  this.timeout(30_000);

  const lines: string[] = [];
  const environment = { ...process.env };
  let folder = "";
  let cache = "";
  let options: Options;
  let tarball: Buffer;
  let runtime: Runtime;
  let registry: Server;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "ucx-runtimes-"));
    cache = join(folder, "cache");
    options = { cache, log: (line) => lines.push(line) };
    tarball = packRuntime(join(folder, "package"));
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    runtime = { package: NAME, version: "1.2.3", integrity, executable: "bin/node" };
    registry = await startRegistry(tarball, integrity);
    process.env.npm_config_registry = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
    process.env.npm_config_cache = join(folder, "npm");
    process.env.npm_config_fetch_retries = "0";
  });

  after(() => {
    process.env = environment;
    registry.closeAllConnections();
    registry.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    rmSync(cache, { recursive: true, force: true });
    lines.length = 0;
  });

  it("are downloaded once, and unpacked from what was downloaded", async () => {
    await downloadRuntime(runtime, options);
    const path = join(folder, "runtime", "node");
    await writeRuntime(runtime, path, options);
    expect(readFileSync(path, "utf8")).to.equal("the program");
    expect(lines).to.deep.equal([`Downloading ${NAME}@1.2.3 (about 40 MB) …`]);
    expect(readdirSync(cache)).to.deep.equal([`${NAME}-1.2.3.tgz`]);
  });

  it("are downloaded again when what was kept has changed", async () => {
    await downloadRuntime(runtime, options);
    const cached = join(cache, `${NAME}-1.2.3.tgz`);
    const changed = Buffer.from(tarball);
    changed[changed.length - 1]! ^= 1;
    for (const content of [changed, tarball.subarray(0, 100), Buffer.alloc(0)]) {
      writeFileSync(cached, content);
      lines.length = 0;
      expect(await downloadRuntime(runtime, options)).to.deep.equal(tarball);
      expect(lines[0]).to.equal(`${cached} is damaged.`);
      expect(readFileSync(cached)).to.deep.equal(tarball);
    }
  });

  it("are refused, and not kept, when the registry has another file", async () => {
    const pinned = { ...runtime, integrity: `sha512-${"A".repeat(86)}==` };
    expect(await problemOf(pinned)).to.match(
      /^node-of-this-test@1\.2\.3 is not the file that scripts\/release\/runtimes\.mjs pins: /,
    );
    expect(() => readdirSync(cache)).to.throw("ENOENT");
  });

  it("say in a sentence that they cannot be downloaded", async () => {
    const problem = await problemOf({ ...runtime, version: "9.9.9" });
    expect(problem).to.match(
      /^node-of-this-test@9\.9\.9 cannot be downloaded: No matching version/,
    );
    expect(problem).to.not.include("\n");
  });

  function problemOf(wanted: Runtime): Promise<string> {
    return downloadRuntime(wanted, options).then(
      () => "none",
      (error: unknown) => (error as Error).message,
    );
  }
});

/** A package as npm has it. */
function packRuntime(folder: string): Buffer {
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: NAME, version: "1.2.3" }));
  writeFileSync(join(folder, "bin", "node"), "the program");
  const shell = process.platform === "win32";
  execFileSync("npm", ["pack", "--ignore-scripts"], { cwd: folder, shell, stdio: "ignore" });
  return readFileSync(join(folder, `${NAME}-1.2.3.tgz`));
}

/** npm's registry, with one version of one package. */
async function startRegistry(tarball: Buffer, integrity: string): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url!.endsWith(".tgz")) return response.end(tarball);
    const dist = { tarball: `http://${request.headers.host}/it.tgz`, integrity };
    const versions = { "1.2.3": { name: NAME, version: "1.2.3", dist } };
    return response.end(JSON.stringify({ name: NAME, "dist-tags": { latest: "1.2.3" }, versions }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
