import { expect } from "chai";
import fc from "fast-check";

import { toPrintable } from "../../../src/faults/foreign-text.js";
import { readLaunchArguments } from "../../../src/platform/node-process.js";
import { checkLaunchOptions } from "../../../src/worker/launch-options.js";

const LINUX = {
  platform: "linux",
  environment: {},
  homeDirectory: "/home/ada",
  resolve: (path: string) => `/cwd/${path}`,
} as const;
const WINDOWS = {
  ...LINUX,
  platform: "windows",
  environment: { PROGRAMDATA: "D:\\Data" },
  resolve: (path: string) => path,
} as const;

function options(argv: string[], env: Parameters<typeof checkLaunchOptions>[1] = LINUX) {
  const args = readLaunchArguments(argv);
  return "error" in args ? args : checkLaunchOptions(args, env);
}

describe("worker/launch-options", () => {
  it("accepts both spellings of an option, and fills in defaults", () => {
    expect(
      options(["--settings", "Presence.ini", "--host-pid=42", "--log-level", "debug"]),
    ).to.deep.equal({
      settingsPath: "/cwd/Presence.ini",
      hostPid: 42,
      logDirectory: "/home/ada/.local/state/ucx-webex-presence",
      logLevel: "debug",
      secretStore: "keychain",
    });
  });

  it("requires --settings, except on Windows, where the manual names the path", () => {
    expect(options([])).to.have.property("error").that.includes("--settings");
    expect(options([], WINDOWS)).to.include({
      settingsPath: "C:\\Program Files (x86)\\StonevoiceAS\\Apps\\Presence\\Settings\\Presence.ini",
      logDirectory: "D:\\Data\\ucx-webex-presence",
    });
  });

  it("logs to the platform's usual folder", () => {
    const directory = (env: Parameters<typeof checkLaunchOptions>[1]) =>
      (options(["--settings", "x"], env) as { logDirectory: string }).logDirectory;
    expect(directory({ ...LINUX, environment: { XDG_STATE_HOME: "/state" } })).to.equal(
      "/state/ucx-webex-presence",
    );
    expect(directory({ ...LINUX, environment: { XDG_STATE_HOME: "relative" } })).to.equal(
      "/home/ada/.local/state/ucx-webex-presence",
    );
    expect(directory({ ...LINUX, platform: "macos" })).to.equal(
      "/home/ada/Library/Logs/ucx-webex-presence",
    );
  });

  it("ignores a PROGRAMDATA that is no absolute path", () => {
    for (const PROGRAMDATA of ["", "relative", undefined]) {
      const env = { ...WINDOWS, environment: { PROGRAMDATA } };
      expect(options([], env)).to.include({ logDirectory: "C:\\ProgramData\\ucx-webex-presence" });
    }
  });

  it("has no log folder if the account has no home directory", () => {
    const env = { ...LINUX, homeDirectory: null };
    expect(options(["--settings", "x"], env)).to.include({ logDirectory: null });
    expect(options(["--settings", "x"], { ...env, platform: "macos" })).to.include({
      logDirectory: null,
    });
    const environment = { XDG_STATE_HOME: "/state" };
    expect(options(["--settings", "x"], { ...env, environment })).to.include({
      logDirectory: "/state/ucx-webex-presence",
    });
    expect(options(["--settings", "x", "--log-dir", "log"], env)).to.include({
      logDirectory: "/cwd/log",
    });
    expect(options(["--settings", "x"], { ...env, homeDirectory: "/" })).to.include({
      logDirectory: "/.local/state/ucx-webex-presence",
    });
  });

  it("names a relative path that cannot be resolved", () => {
    const env = { ...LINUX, resolve: (path: string) => (path.startsWith("/") ? path : null) };
    expect(options(["--settings", "x"], env))
      .to.have.property("error")
      .that.includes("--settings");
    expect(options(["--settings", "/x", "--log-dir", "y"], env))
      .to.have.property("error")
      .that.includes("--log-dir is a relative path");
  });

  for (const args of [
    ["--settings"],
    ["--settings", ""],
    ["--settings", "a", "--settings", "b"],
    ["--settings", "a", "stray"],
    ["--settings", "a", "--unknown"],
    ["--settings", "a", "--host-pid", "0"],
    ["--settings", "a", "--host-pid", "-1"],
    ["--settings", "a", "--host-pid", "1.5"],
    ["--settings", "a", "--host-pid", "2147483648"],
    ["--settings", "a", "--host-pid", "99999999999"],
    ["--settings", "a", "--log-level", "trace"],
    ["--settings", "a", "--log-dir", ""],
    ["--settings", "a", "--secret-store", "disk"],
  ]) {
    it(`explains in one line what is wrong with ${args.join(" ") || "nothing"}`, () => {
      const { error } = options(args) as { error: string };
      expect(error).to.be.a("string");
      expect(error.split("\n")).to.have.length(1);
    });
  }

  it("gives options in their limits or one line of error, for any arguments", () => {
    const word = fc.oneof(
      fc.constantFrom("--settings", "--host-pid", "--log-dir", "--log-level", "--secret-store"),
      fc.constantFrom("=", "--", "-", "", "1", "-1", "1e3", "debug", "__proto__", "a\nb", "memory"),
      fc.constantFrom(
        "--settings=a",
        "--host-pid=7",
        "--constructor=1",
        "--__proto__",
        "\u001b[2J",
      ),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 6 }),
        fc.constantFrom(LINUX, WINDOWS),
        (argv, env) => {
          const result = options(argv, env);
          if ("error" in result) {
            expect(toPrintable(result.error)).to.match(/\.$/);
            return;
          }
          expect(result.settingsPath).not.to.equal("");
          if (result.hostPid !== null) expect(result.hostPid).to.be.within(1, 0x7fffffff);
          expect(result.secretStore).to.be.oneOf(["keychain", "memory"]);
          expect(result.logLevel).to.be.oneOf([null, "error", "warn", "info", "debug"]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
