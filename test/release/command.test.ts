import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { NO_SIGNALS, skipOnWindows } from "../support/windows-fixture.js";

const COMMAND = resolve("scripts/release/main.mjs");
const { replaceOutput } = (await import(
  pathToFileURL(resolve("scripts/release/output.mjs")).href
)) as { replaceOutput: (made: string, out: string) => Promise<void> };
const { readOptions } = (await import(
  pathToFileURL(resolve("scripts/release/options.mjs")).href
)) as { readOptions: (args: string[]) => { targets: { name: string }[] } };

describe("npm run release", function () {
  this.timeout(30_000);

  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-release-command-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the command, which must not get as far as to make something. */
  function refused(args: string[], env: NodeJS.ProcessEnv = {}, cwd = process.cwd()) {
    const { status, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
      cwd,
      encoding: "utf8",
      env: { ...process.env, ...env, TMPDIR: folder },
    });
    expect(readdirSync(folder), "temporary files").to.deep.equal([]);
    expect(stderr).to.match(/^ERROR: [^\n]+\n$/);
    return { status, problem: stderr.slice("ERROR: ".length, -1) };
  }

  for (const [args, problem] of [
    [["--x"], "Unknown option '--x'. The options are --target <name> and --out <folder>."],
    [["--target"], "Option '--target <value>' argument missing."],
    [["--target", "--out"], "Option '--target' argument is ambiguous."],
    [["win"], "Unexpected argument 'win'."],
    [["--out="], "--out needs a folder."],
    [
      ["--target", "win"],
      'There is no target "win": there are win-x64, linux-x64, darwin-arm64, darwin-x64.',
    ],
  ] as const) {
    it(`ends with code 2 and a sentence for ${args.join(" ")}`, () => {
      const result = refused([...args]);
      expect(result.problem).to.include(problem);
      expect(result.status).to.equal(2);
    });
  }

  for (const time of ["", "0", "abc", "-1", "1e9", "315532799", "4102444800"]) {
    it(`ends with code 2 and a sentence for SOURCE_DATE_EPOCH=${time}`, () => {
      const result = refused([], { SOURCE_DATE_EPOCH: time });
      expect(result.problem).to.include(`SOURCE_DATE_EPOCH is "${time}": `);
      expect(result.status).to.equal(2);
    });
  }

  it("ends with code 2 and a sentence in another folder", () => {
    const result = refused([], {}, tmpdir());
    expect(result.problem).to.include("has to be made in the project's folder");
    expect(result.status).to.equal(2);
  });

  it("ends with code 1 and a sentence without git, or without a clone", () => {
    const withoutGit = refused([], { PATH: folder, Path: folder, SOURCE_DATE_EPOCH: "1800000000" });
    expect(withoutGit.problem).to.include("needs git and a clone of the project");
    expect(withoutGit.problem).to.match(/: git is not installed$/);
    expect(withoutGit.status).to.equal(1);
    const withoutClone = refused([], { GIT_DIR: join(folder, "none") });
    expect(withoutClone.problem).to.match(/not a git repository/);
    expect(withoutClone.status).to.equal(1);
  });

  it("makes a target once that is named twice", () => {
    const { targets } = readOptions(["--target", "win-x64", "--target", "win-x64"]);
    expect(targets.map(({ name }) => name)).to.deep.equal(["win-x64"]);
  });

  it("leaves nothing behind, and the earlier release as it was, when it is ended", async function () {
    skipOnWindows(this, NO_SIGNALS);
    // It builds, until it is ended.
    this.timeout(60_000);
    const temporary = join(folder, "temporary");
    const out = join(folder, "out");
    const earlier = join(out, "ucx-webex-presence-0.9.0-linux-x64.tar.gz");
    for (const each of [temporary, out]) mkdirSync(each);
    writeFileSync(earlier, "earlier");
    const args = [COMMAND, "--target", "linux-x64", "--out", out];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "exit");
    for await (const line of createInterface(child.stderr)) {
      if (line.endsWith("making the code cache")) child.kill("SIGTERM");
    }
    expect(await ended).to.deep.equal([143, null]);
    expect(readdirSync(temporary)).to.deep.equal([]);
    expect(readdirSync(out)).to.deep.equal(["ucx-webex-presence-0.9.0-linux-x64.tar.gz"]);
  });

  describe("writes to a folder", () => {
    let made = "";
    let out = "";

    beforeEach(() => {
      made = join(folder, "made");
      out = join(folder, "out");
      mkdirSync(made);
      for (const name of ["SHA256SUMS", "ucx-webex-presence-1.1.0-win-x64.zip"])
        writeFileSync(join(made, name), "new");
    });

    it("and replaces the files of an earlier release", async () => {
      mkdirSync(out);
      for (const name of [
        ...["SHA256SUMS", "ucx-webex-presence-1.0.0.tgz", "ucx-webex-presence-1.0.0.cdx.json"],
        ...["ucx-webex-presence-1.0.0-linux-x64.tar.gz", "ucx-webex-presence-1.0.0-rc.1.tgz"],
        "ucx-webex-presence-1.1.0-win-x64.zip",
      ])
        writeFileSync(join(out, name), "old");
      await replaceOutput(made, out);
      expect(readdirSync(out).sort()).to.deep.equal(readdirSync(made).sort());
      expect(readFileSync(join(out, "SHA256SUMS"), "utf8")).to.equal("new");
    });

    it("and leaves everything else in it alone", async () => {
      const foreign = [
        ...["ucx-webex-presence-mine.txt", "ucx-webex-presence-mine.tgz", "notes.txt"],
        ...["ucx-webex-presence-1.0.0-win-x64.zip.sig", "ucx-webex-presence-1.0.0-win-x64.tgz"],
      ];
      mkdirSync(join(out, "ucx-webex-presence-1.0.0.tgz"), { recursive: true });
      for (const name of foreign) writeFileSync(join(out, name), "mine");
      await replaceOutput(made, out);
      expect(readdirSync(out).sort()).to.deep.equal(
        [...foreign, "ucx-webex-presence-1.0.0.tgz", ...readdirSync(made)].sort(),
      );
    });

    it("and says in a sentence that it cannot", async () => {
      mkdirSync(join(out, "ucx-webex-presence-1.1.0-win-x64.zip"), { recursive: true });
      const problem = await replaceOutput(made, out).catch((error: unknown) => error);
      expect((problem as Error).message).to.match(/^The release cannot be written to .*: E[A-Z]+/);
      expect(existsSync(join(out, "ucx-webex-presence-1.1.0-win-x64.zip"))).to.equal(true);
    });
  });
});
