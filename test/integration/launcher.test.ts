import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { expect } from "chai";

import { addRuntime, ECHO_SCRIPT, type EchoedLaunch } from "../support/release-folder-fixture.js";
import { skipOnWindows } from "../support/windows-fixture.js";

const LAUNCHER = "launchers/ucx-webex-presence";

describe("ucx-webex-presence, the launcher of a release folder for Linux and macOS", function () {
  let base: string;

  before(function () {
    skipOnWindows(this, "a release folder for Windows holds ucx-webex-presence.cmd instead");
  });
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "ucx-launcher-"));
  });
  afterEach(async () => {
    await rm(base, { recursive: true, force: true });
  });

  /** A release folder whose command line prints its arguments; the path of its launcher. */
  async function makeFolder(name: string): Promise<string> {
    const folder = join(base, name);
    await mkdir(join(folder, "dist"), { recursive: true });
    await writeFile(join(folder, "dist", "cli.cjs"), ECHO_SCRIPT);
    await addRuntime(folder);
    await copyFile(LAUNCHER, join(folder, "ucx-webex-presence"));
    return join(folder, "ucx-webex-presence");
  }

  function launch(
    program: string,
    args: readonly string[] = [],
    options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ): { code: number | null; stderr: string; launched: EchoedLaunch } {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      encoding: "utf8",
      ...options,
    });
    if (error !== undefined) throw error;
    return {
      code: status,
      stderr,
      launched: (stdout === "" ? null : JSON.parse(stdout)) as EchoedLaunch,
    };
  }

  it("passes arguments and the exit code through", async () => {
    const args = ["--exit-code=7", "a b", "", "$HOME", "`id`", "a'b", 'say "hi"', "zoë 日本", "*"];
    args.push("a\nb", "-e", "--", "\\");
    const { code, launched } = launch(await makeFolder("app"), args);
    expect(launched.args).to.deep.equal(args);
    expect(code).to.equal(7);
  });

  for (const name of ["with space", "it's $HOME", "per%cent & (x86)", "zoë 日本"]) {
    it(`works in a folder named ${name}`, async () => {
      const program = await makeFolder(name);
      expect(launch(program).launched.program).to.equal(join(base, name, "dist", "cli.cjs"));
      const fromBase = launch(`${name}/ucx-webex-presence`, [], { cwd: base });
      expect(fromBase.launched.program).to.equal(join(base, name, "dist", "cli.cjs"));
      const byShell = launch("/bin/sh", ["ucx-webex-presence"], { cwd: join(base, name) });
      expect(byShell.launched.program).to.equal(join(base, name, "dist", "cli.cjs"));
    });
  }

  it("finds its folder through a chain of symbolic links, and from the PATH", async () => {
    const program = await makeFolder("app");
    const bin = join(base, "bin");
    await mkdir(bin);
    await symlink(program, join(base, "absolute link"));
    await symlink("../absolute link", join(bin, "ucx"));
    const expected = join(base, "app", "dist", "cli.cjs");
    expect(launch(join(bin, "ucx")).launched.program).to.equal(expected);
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` };
    expect(launch("ucx", [], { env, cwd: base }).launched.program).to.equal(expected);
    env.PATH = `${relative(base, bin)}:${process.env.PATH ?? ""}`;
    const byShell = launch("/bin/sh", ["-c", "ucx"], { env, cwd: base });
    expect(byShell.launched.program).to.equal(expected);
  });

  it("needs no other program", async () => {
    const program = await makeFolder("app");
    expect(launch(program, [], { env: {} }).launched.runtime).to.equal(process.execPath);
  });

  it("becomes the runtime, so that signals and process ids are its own", async () => {
    const program = await makeFolder("app");
    expect(launch(program).launched.parent).to.equal(process.pid);
  });

  it("works in a folder whose name begins with a hyphen", async () => {
    await makeFolder("-folder");
    const args = ["--", "-folder/ucx-webex-presence", "-e"];
    const { launched } = launch("/bin/sh", args, { cwd: base });
    expect(launched.program).to.equal(join(base, "-folder", "dist", "cli.cjs"));
    expect(launched.args).to.deep.equal(["-e"]);
  });

  for (const path of ["runtime/node", "dist/cli.cjs"]) {
    for (const isEmpty of [false, true]) {
      it(`says what it means if ${path} is ${isEmpty ? "empty" : "missing"}`, async () => {
        const program = await makeFolder("app");
        await rm(join(base, "app", path));
        if (isEmpty) await writeFile(join(base, "app", path), "", { mode: 0o755 });
        const { code, stderr } = launch(program);
        expect(code).to.equal(1);
        expect(stderr).to.include(`${join(base, "app", path)} is missing or empty`);
        expect(stderr).to.include("Unpack the release again");
      });
    }
  }

  it("says what it means if the runtime is not executable", async () => {
    const program = await makeFolder("app");
    await rm(join(base, "app", "runtime/node"));
    await writeFile(join(base, "app", "runtime/node"), "x", { mode: 0o644 });
    const { code, stderr } = launch(program);
    expect(code).to.equal(1);
    expect(stderr).to.include("node is not executable");
  });
});
