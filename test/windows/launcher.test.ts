import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { addRuntime, ECHO_SCRIPT, type EchoedLaunch } from "../support/release-folder-fixture.js";
import { IS_WINDOWS, IS_WINE, requireWindows, skipUnderWine } from "../support/windows-fixture.js";

const LAUNCHER = "launchers/ucx-webex-presence.cmd";
const NAME = "ucx-webex-presence.cmd";

interface LaunchResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `text` is what somebody types into cmd, or a line of a batch file. */
function runInCmd(
  text: string,
  options: { cwd?: string; env?: NodeJS.ProcessEnv; switches?: readonly string[] } = {},
): LaunchResult {
  const { switches = [], ...others } = options;
  const { status, stdout, stderr, error } = spawnSync(
    process.env.ComSpec ?? "cmd.exe",
    ["/d", ...switches, "/s", "/c", `"${text}"`],
    { encoding: "utf8", windowsVerbatimArguments: true, ...others },
  );
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

function echoed({ stdout, stderr }: LaunchResult): EchoedLaunch {
  try {
    return JSON.parse(stdout) as EchoedLaunch;
  } catch (error) {
    throw new Error(`The program was not launched:\n${stdout}\n${stderr}`, { cause: error });
  }
}

describe("ucx-webex-presence.cmd, the launcher of a release folder for Windows", function () {
  this.timeout(60_000);
  let base: string;
  let launcher = "";

  before(async function () {
    requireWindows(this);
    base = await mkdtemp(join(tmpdir(), "ucx-launcher-"));
    launcher = await makeFolder("plain folder");
  });
  after(async () => {
    if (!IS_WINDOWS) return;
    await rm(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  /** A release folder whose command line prints its arguments; the path of its launcher. */
  async function makeFolder(name: string): Promise<string> {
    const folder = join(base, name);
    await mkdir(join(folder, "dist"), { recursive: true });
    await writeFile(join(folder, "dist", "cli.cjs"), ECHO_SCRIPT);
    await addRuntime(folder, launcher === "" ? undefined : join(launcher, ".."));
    await copyFile(LAUNCHER, join(folder, NAME));
    return join(folder, NAME);
  }

  it("has the line ends that cmd needs, and only ASCII", async () => {
    const text = await readFile(LAUNCHER, "latin1");
    expect(text.replaceAll("\r\n", "")).to.match(/^[ -~]*$/);
  });

  const ARGUMENTS: readonly (readonly [typed: string, args: readonly string[]])[] = [
    [`doctor --settings C:\\UCX\\Presence.ini`, ["doctor", "--settings", "C:\\UCX\\Presence.ini"]],
    [
      `"C:\\Program Files (x86)\\UCX\\Presence.ini" (a) b)`,
      ["C:\\Program Files (x86)\\UCX\\Presence.ini", "(a)", "b)"],
    ],
    [`"C:\\R&D\\Presence.ini" "a|b" "a<b>c"`, ["C:\\R&D\\Presence.ini", "a|b", "a<b>c"]],
    [`"a^b" "^^" "a^&b"`, ["a^b", "^^", "a^&b"]],
    [`wow! "!wow!" !PATH!`, ["wow!", "!wow!", "!PATH!"]],
    [`"say ""hi & bye""" \\"x\\"`, [`say "hi & bye"`, `"x"`]],
    [`zoë 日本 "Jürgen ß"`, ["zoë", "日本", "Jürgen ß"]],
    [`a=b c;d e,f *.ini ? @x #y ~z`, ["a=b", "c;d", "e,f", "*.ini", "?", "@x", "#y", "~z"]],
    [`"" "trailing\\\\" x   y`, ["", "trailing\\", "x", "y"]],
    [`--help`, ["--help"]],
    [``, []],
  ];
  for (const [typed, args] of ARGUMENTS) {
    it(`passes ${typed === "" ? "no arguments" : typed} through`, () => {
      const result = runInCmd(`"${launcher}" ${typed}`);
      expect(echoed(result).args).to.deep.equal(args);
      expect(result.code).to.equal(0);
    });
  }

  it("passes percent signs through", function () {
    // That of Windows replaces %…% once, and not in what %* stands for.
    skipUnderWine(this, "Wine's cmd replaces %…% again in what %* stands for");
    expect(echoed(runInCmd(`"${launcher}" "100%" "a%b" x%`)).args).to.deep.equal([
      "100%",
      "a%b",
      "x%",
    ]);
  });

  it("passes exclamation marks through if the caller expands them itself", () => {
    const result = runInCmd(`"${launcher}" "a^!b"`, { switches: ["/v:on"] });
    // cmd takes the caret for its own. Wine's does not.
    expect(echoed(result).args).to.deep.equal([IS_WINE ? "a^!b" : "a!b"]);
  });

  const FOLDERS = ["Program Files (x86)", "R & D !OS! wow!", "zoë ^ 日本;, it's=", "100% a%OS%b"];
  for (const name of FOLDERS) {
    it(`works in a folder named ${name}`, async function () {
      if (name.includes("%"))
        skipUnderWine(this, "Wine's cmd replaces %…% again in what %~dp0 stands for");
      const program = await makeFolder(name);
      const folder = join(base, name);
      const expected = join(folder, "dist", "cli.cjs");
      const ways: readonly (readonly [string, Parameters<typeof runInCmd>[1]])[] = [
        [`"${program}" "a b"`, {}],
        [`"${program}" "a b"`, { switches: ["/v:on"] }],
        [`".\\${NAME}" "a b"`, { cwd: folder }],
        // cmd then takes the current folder for that of the batch file, except within a call.
        [`"ucx-webex-presence" "a b"`, { cwd: base, env: onPath(folder) }],
      ];
      for (const [text, options] of ways) {
        // With /v:on, cmd itself takes the marks out of what is typed.
        if (options?.switches !== undefined && name.includes("!")) continue;
        const { args, program: script, runtime } = echoed(runInCmd(text, options));
        expect(script, text).to.equal(expected);
        expect(runtime, text).to.equal(join(folder, "runtime", "node.exe"));
        expect(args, text).to.deep.equal(["a b"]);
      }
    });
  }

  function onPath(folder: string): NodeJS.ProcessEnv {
    const env = Object.entries(process.env).filter(([name]) => name.toUpperCase() !== "PATH");
    // Quotation marks keep a semicolon in a folder's name from ending it.
    return { ...Object.fromEntries(env), PATH: `"${folder}";C:\\Windows\\System32` };
  }

  for (const where of ["another folder", "its folder, which cmd leaves"]) {
    it(`works from a UNC path and in ${where}`, function () {
      skipUnderWine(this, "Wine's cmd launches nothing by a UNC path");
      const folder = `\\\\localhost\\${base.charAt(0)}$${join(base.slice(2), "plain folder")}`;
      const cwd = where === "another folder" ? base : folder;
      const { stdout, ...others } = runInCmd(`"${join(folder, NAME)}" "a b"`, { cwd });
      // cmd first says so if it cannot work in its current folder.
      const { program, args } = echoed({ stdout: stdout.slice(stdout.indexOf("{")), ...others });
      expect(program).to.equal(join(folder, "dist", "cli.cjs"));
      expect(args).to.deep.equal(["a b"]);
    });
  }

  it("returns the exit code, also to a caller with a variable named ERRORLEVEL", () => {
    expect(runInCmd(`"${launcher}" --exit-code=7`).code).to.equal(7);
    const env = { ...process.env, ERRORLEVEL: "3" };
    expect(runInCmd(`"${launcher}" --exit-code=7`, { env }).code).to.equal(7);
    expect(runInCmd(`"${launcher}" --exit-code=0`, { env }).code).to.equal(0);
  });

  it("returns the exit code to a batch file that calls it, and changes nothing of it", async () => {
    const caller = join(base, "caller.cmd");
    const lines = [
      "@echo off",
      "setlocal EnableDelayedExpansion",
      "set UCX_WEBEX_PRESENCE_FOLDER=mine",
      `call "${launcher}" --exit-code=7 > nul`,
      `echo [!ERRORLEVEL!] [!UCX_WEBEX_PRESENCE_FOLDER!] [!CD!]`,
    ];
    await writeFile(caller, `${lines.join("\r\n")}\r\n`);
    const { stdout } = runInCmd(`"${caller}"`, { cwd: base });
    // Wine's cmd makes 1 of every exit code of a batch file that is called.
    expect(stdout.trim()).to.equal(`[${IS_WINE ? 1 : 7}] [mine] [${base}]`);
  });

  it("says what an incomplete folder means", async () => {
    for (const missing of ["runtime", "dist"]) {
      const name = `incomplete & (no ${missing})`;
      const program = await makeFolder(name);
      await rm(join(base, name, missing), { recursive: true });
      const { code, stdout, stderr } = runInCmd(`"${program}" doctor`);
      expect(code).to.equal(1);
      expect(stdout).to.equal("");
      expect(stderr).to.include("runtime\\node.exe").and.include("Unpack the release again");
      expect(stderr).to.include(`"${join(base, name)}\\"`);
    }
  });
});
