import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { ReferenceHost } from "../../simulator/reference-host.js";
import type { JsonOutput } from "../support/cli-harness.js";
import { Registry } from "../support/registry-fixture.js";

const { writeNpmPackage } = (await import(
  pathToFileURL(join(process.cwd(), "scripts", "release", "npm-package.mjs")).href
)) as { writeNpmPackage: (out: string, dist: string, staging: string) => Promise<void> };

/** What npm installs with the worker: keytar, and the headers that it would be compiled with. */
const INSTALLED = ["keytar", "node-addon-api"];
/** npm passes its own settings on to the programs that it runs, such as these tests. */
const OF_NPM = /^npm_(config|package|lifecycle)_/i;
/** As a project has it that knows nothing of the worker's tools. */
const TSC_OPTIONS = ["--strict", "--target", "es2022", "--exactOptionalPropertyTypes"];
interface Metadata {
  readonly name: string;
  readonly version: string;
}

describe("e2e: the npm package, installed in an empty folder", function () {
  this.timeout(120_000);

  let base = "";
  let folder = "";
  let registry: Registry;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    base = mkdtempSync(join(tmpdir(), "ucx npm "));
    const staging = join(base, "staging");
    mkdirSync(staging);
    // A release has no code cache in it, either.
    const dist = join(base, "dist");
    cpSync("dist", dist, { recursive: true, filter: (path) => !path.endsWith(".cache") });
    await writeNpmPackage(base, dist, staging);
    const [tarball = ""] = readdirSync(base).filter((name) => name.endsWith(".tgz"));

    registry = await Registry.start(INSTALLED.map((name) => publish(name, staging)));
    const inherited = Object.entries(process.env).filter(([name]) => !OF_NPM.test(name));
    env = { ...Object.fromEntries(inherited), ...registry.environment(join(base, "npm cache")) };
    folder = join(base, "empty");
    mkdirSync(folder);
    const installed = await run("npm", "install", join("..", tarball), "--no-audit", "--no-fund");
    expect(installed.code, installed.output).to.equal(0);
  });
  after(() => {
    registry.stop();
    rmSync(base, { recursive: true, force: true, maxRetries: 5 });
  });

  /** A package as the registry has it. */
  function publish(name: string, staging: string) {
    const source = join(process.cwd(), "node_modules", name);
    const shell = process.platform === "win32";
    const report = execFileSync(
      "npm",
      ["pack", shell ? `"${source}"` : source, "--ignore-scripts", "--json"],
      { cwd: staging, shell, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const [packed] = Object.values(JSON.parse(report) as Record<string, { filename: string }>);
    const metadata = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Metadata;
    return { ...metadata, tarball: readFileSync(join(staging, packed!.filename)) };
  }

  function run(
    command: string,
    ...args: string[]
  ): Promise<{ code: number; stdout: string; output: string }> {
    return new Promise((resolve) => {
      const options = { cwd: folder, env, shell: process.platform === "win32" };
      execFile(command, args, options, (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : Number(error.code),
          stdout,
          output: stdout + stderr,
        }),
      );
    });
  }

  const commandLine = (...args: string[]) =>
    run(join("node_modules", ".bin", "ucx-webex-presence"), ...args);

  /** What the check of an installation, in which nothing failed, says of it. */
  async function keychainLibrary(): Promise<string> {
    const { code, stdout, output } = await commandLine("doctor", "--installation", "--json");
    expect(code, output).to.equal(0);
    const { checks } = JSON.parse(stdout) as JsonOutput;
    const [finding] = checks.filter(({ name }) => name === "keychain library");
    // It is in the folder above, where npm puts it, which is worth a warning.
    expect(finding, output).to.include({ state: "warning" });
    return finding!.message;
  }

  it("brings nothing along but keytar and what keytar names", () => {
    const names = readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."));
    expect(names.sort()).to.deep.equal(["keytar", "node-addon-api", "ucx-webex-presence"]);
  });

  it("holds only what runs, what describes it, and its pages", () => {
    const names = readdirSync(join(folder, "node_modules", "ucx-webex-presence"));
    expect(names.sort()).to.deep.equal(
      [
        ...[
          "CHANGELOG.html",
          "CHANGELOG.md",
          "LICENSE",
          "README.html",
          "README.md",
          "THIRD-PARTY-NOTICES",
          "dist",
          "docs",
          "examples",
        ],
        ...["openrpc.json", "package.json"],
        ...["plugin.manifest.json", "plugin.manifest.schema.json"],
      ].sort(),
    );
  });

  it("has a command line that runs", async () => {
    const { code, stdout, output } = await commandLine("--help");
    expect(code, output).to.equal(0);
    expect(stdout).to.match(/^Usage: ucx-webex-presence /);
  });

  it("finds the keychain's library, also if npm ran no install scripts", async () => {
    const keytar = join(folder, "node_modules", "keytar");
    expect(await keychainLibrary()).to.include(`is loaded from ${join(keytar, "build")}`);
    rmSync(join(keytar, "build"), { recursive: true });
    expect(await keychainLibrary()).to.include(`is loaded from ${join(keytar, "prebuilds")}`);
  });

  /** The example of docs/integration.md, with the paths of this installation. */
  function exampleHost(): string {
    const page = readFileSync(join("docs", "integration.md"), "utf8");
    const example = /```ts\n([^]*?)```/.exec(page.split("\n## TypeScript\n")[1]!)![1]!;
    const args = ["--secret-store", "memory", "--log-dir", join(folder, "log")];
    return example
      .replace("plugins/ucx-webex-presence/", "node_modules/ucx-webex-presence/")
      .replace(/^( *)settingsPath: .*/m, (line, indent: string) => {
        return `${line}\n${indent}args: ${JSON.stringify(args)},`;
      });
  }

  function compile(...args: string[]): ReturnType<typeof run> {
    const tsc = join(process.cwd(), "node_modules", "typescript", "bin", "tsc");
    return run(process.execPath, tsc, ...TSC_OPTIONS, ...args);
  }

  it("has a client whose documented example compiles and runs, by import and by require", async () => {
    for (const name of ["host.mts", "host.cts"]) {
      writeFileSync(join(folder, name), exampleHost());
    }
    writeFileSync(join(folder, "Presence.ini"), "WebexPresence.Enable=0\r\n");
    const compiled = await compile("--module", "node16", "host.mts", "host.cts");
    expect(compiled.code, compiled.output).to.equal(0);
    for (const name of ["host.mjs", "host.cjs"]) {
      const { code, output } = await run(process.execPath, name);
      expect(code, output).to.equal(0);
      expect(output).to.match(/^sip:ada@northwind\.example unknown \((notReady|disabled)\)$/m);
      expect(output).to.match(/^as of never$/m);
      expect(output).to.match(/^The worker has exited \(0\): no restart\.$/m);
    }
  });

  it("has declarations for compilers that know no exports, and refuses what does not exist", async () => {
    writeFileSync(join(folder, "old.ts"), exampleHost());
    const old = ["--module", "commonjs", "--moduleResolution", "node10", "--noEmit"];
    const ignored = ["--ignoreDeprecations", "6.0"];
    const compiled = await compile(...old, ...ignored, "old.ts");
    expect(compiled.code, compiled.output).to.equal(0);

    const invalid = exampleHost()
      .replace("displayName, state", "displayname, state")
      .replace('"worker/poll", {}', '"worker/pole", {}');
    writeFileSync(join(folder, "invalid.ts"), invalid);
    const refused = await compile("--module", "commonjs", "--noEmit", "invalid.ts");
    expect(refused.code).not.to.equal(0);
    for (const text of ["'displayname' does not exist", '"worker/pole"']) {
      expect(refused.output).to.contain(text);
    }
  });

  it("has a worker that a host launches from its manifest", async () => {
    const host = new ReferenceHost({
      manifestPath: join(folder, "node_modules", "ucx-webex-presence", "plugin.manifest.json"),
      settingsPath: join(folder, "Presence.ini"),
      extraArgs: ["--secret-store", "memory", "--log-dir", join(folder, "log")],
      restart: false,
    });
    await host.start();
    const answer = await host.request("presence/get", { uri: "someone@example.com" });
    expect(answer).to.include({ state: "unknown" });
    expect(await host.shutdown()).to.deep.equal({ code: 0, signal: null });
  });
});
