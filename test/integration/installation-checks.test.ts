import { createHash } from "node:crypto";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

import { expect } from "chai";

import { ok, type Check, type Finding } from "../../src/cli/doctor-finding.js";
import {
  findPosixWritablePaths,
  windowsWritablePathsFinder,
} from "../../src/cli/folder-writers.js";
import { describeLoadRemedy } from "../../src/cli/keychain-library-check.js";
import { installationChecks, type Installation } from "../../src/cli/installation-checks.js";
import type { RunWindowsTool } from "../../src/platform/windows-tools.js";
import { addRuntime, RUNTIME } from "../support/release-folder-fixture.js";
import {
  IS_WINDOWS,
  NO_MODES,
  requireSymlinks,
  skip,
  skipOnWindows,
} from "../support/windows-fixture.js";

const IS_ROOT = process.getuid?.() === 0;
const LAUNCHER = IS_WINDOWS ? "ucx-webex-presence.cmd" : "ucx-webex-presence";
const LIBRARY = "node_modules/keytar/lib/keytar.js";
const NATIVE = `node_modules/keytar/prebuilds/${process.platform}-${process.arch}/keytar.node`;

describe("cli/installation-checks", function () {
  this.timeout(30_000);
  let base: string;
  let folder: string;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "ucx-installation-"));
    folder = join(base, "ucx webex");
    await write("dist/cli.cjs", "");
    await write("dist/worker.cjs", "");
    await write("plugin.manifest.json", "{}");
    await write(LAUNCHER, "");
    await write("dist/lib/worker.cjs", "(function () { return 1; })");
    await write("node_modules/keytar/package.json", '{ "main": "lib/keytar.js" }');
    await write(LIBRARY, "");
    await write(NATIVE, "not a library");
    await write("README.md", "");
  });
  afterEach(async () => {
    await rm(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  async function write(path: string, content: string | Buffer): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }

  /** Root may read and write anything, so it acts as an account that may not. */
  async function withoutPrivileges<T>(action: () => Promise<T>): Promise<T> {
    if (!IS_ROOT) return action();
    await chmod(base, 0o555 | (await stat(base)).mode);
    process.seteuid!(65_534);
    try {
      return await action();
    } finally {
      process.seteuid!(0);
    }
  }

  /** A release folder lists its runtime, for which an empty file stands. */
  async function writeChecksums(): Promise<number> {
    await write(RUNTIME, "");
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const lines: string[] = [];
    for (const entry of entries.filter((each) => !each.isDirectory())) {
      const path = join(entry.parentPath, entry.name);
      const digest = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      lines.push(`${digest}  ${path.slice(folder.length + 1).replaceAll("\\", "/")}\n`);
    }
    await write("SHA256SUMS", lines.join(""));
    return lines.length;
  }

  function checksOf(changes: Partial<Installation>, signal: AbortSignal): readonly Check[] {
    const installation: Installation = {
      folder,
      node: process,
      account: "svc-ucx",
      logFolder: join(base, "log"),
      checkLogRights: () => ok("closed"),
      findWritablePaths: IS_WINDOWS ? () => Promise.resolve([]) : findPosixWritablePaths,
      ...changes,
    };
    return installationChecks(installation, signal);
  }

  async function run(name: string, changes: Partial<Installation> = {}): Promise<Finding[]> {
    const checks = checksOf(changes, new AbortController().signal);
    const check = checks.find((each) => each.name === name);
    const findings = [await check!.run([])].flat();
    for (const { state, hint } of findings)
      expect(hint !== null, state).to.equal(state === "warning" || state === "failed");
    return findings;
  }

  async function runOne(name: string, changes: Partial<Installation> = {}): Promise<Finding> {
    const findings = await run(name, changes);
    expect(findings, JSON.stringify(findings)).to.have.length(1);
    return findings[0]!;
  }

  describe("checksums", () => {
    it("finds a complete folder", async () => {
      const total = await writeChecksums();
      expect(await runOne("checksums")).to.include({
        state: "ok",
        message: `all ${total} files are as they were released`,
      });
    });

    it("names what is missing, changed and additional", async () => {
      const total = await writeChecksums();
      await rm(join(folder, LIBRARY));
      await write("dist/cli.cjs", "changed");
      await rm(join(folder, "README.md"));
      await mkdir(join(folder, "README.md"));
      const loadable = ["dist/old.cjs", "node_modules/other/index.js", "runtime/version.dll"];
      for (const path of [...loadable, "worker.log"]) await write(path, "");
      const findings = await run("checksums");
      // In the order of the list.
      const changed = /as released: (.*)\.$/.exec(findings[1]!.message)?.[1] ?? "";
      expect(changed.split(", ")).to.have.members(["dist/cli.cjs", "README.md"]);
      expect(findings.map(({ state, message }) => `${state}: ${message}`)).to.have.members([
        `failed: 1 of ${total} files is missing: ${LIBRARY}.`,
        `failed: 2 of ${total} files are not as released: ${changed}.`,
        `warning: 3 files are not from the release, where the worker may load it as code: ${loadable.join(", ")}.`,
        "warning: 1 file is not from the release: worker.log.",
      ]);
      expect(findings[0]!.hint).to.include("unpack the release again");
    });

    it("compares the whole of a large file, and names links", async function () {
      requireSymlinks(this);
      const content = Buffer.alloc(2 * 1024 * 1024 + 1);
      await write("runtime/large", content);
      await writeChecksums();
      expect(await runOne("checksums")).to.include({ state: "ok" });
      content[content.length - 1] = 1;
      await write("runtime/large", content);
      await symlink("cli.cjs", join(folder, "dist", "link.cjs"));
      const [changed, additional] = await run("checksums");
      expect(changed!.message).to.include("as released: runtime/large.");
      expect(additional!.message).to.include("as code: dist/link.cjs.");
    });

    it("names ten files at most", async () => {
      const total = await writeChecksums();
      for (let index = 0; index < 12; index += 1) await write(`note ${10 + index}`, "");
      const [complete, additional] = await run("checksums");
      expect(complete).to.include({ state: "ok" });
      expect(complete!.message).to.include(String(total));
      expect(additional!.message).to.match(/: note 10, .*, note 19 and 2 more\.$/);
    });

    it("names files and folders that it may not read", async function () {
      skipOnWindows(this, NO_MODES);
      await writeChecksums();
      await chmod(join(folder, "README.md"), 0);
      await chmod(join(folder, "dist/lib"), 0);
      const finding = await withoutPrivileges(() => runOne("checksums"));
      expect(finding).to.include({ state: "failed" });
      expect(finding.message).to.include("README.md (EACCES)").and.include("dist/lib/ (EACCES)");
    });

    it("says that a folder without checksums and runtime is no release folder", async () => {
      expect(await runOne("checksums")).to.include({ state: "skipped" });
    });

    it("fails without the list of a release folder, or with a damaged one", async () => {
      await addRuntime(folder);
      expect((await runOne("checksums")).message).to.include("(ENOENT)");
      await write("SHA256SUMS", "<html>");
      expect((await runOne("checksums")).message).to.include("SHA256SUMS is damaged");
    });

    it("fails with a list that was cut at the end of a line", async () => {
      await writeChecksums();
      const list = await readFile(join(folder, "SHA256SUMS"), "utf8");
      for (const path of ["dist/worker.cjs", "plugin.manifest.json", RUNTIME, LAUNCHER]) {
        const lines = list.split("\n").filter((line) => !line.endsWith(`  ${path}`));
        await write("SHA256SUMS", lines.join("\n"));
        const finding = await runOne("checksums");
        expect(finding).to.include({ state: "failed" });
        expect(finding.message).to.include(`does not list ${path}.`);
      }
    });

    it("stops when the command is cancelled", async () => {
      await writeChecksums();
      const [check] = checksOf({}, AbortSignal.abort());
      const reason = await Promise.resolve(check!.run([])).then(
        () => null,
        (error: unknown) => (error as Error).name,
      );
      expect(reason).to.equal("AbortError");
    });
  });

  describe("runtime", () => {
    it("accepts any supported Node.js where the folder has none of its own", async () => {
      expect(await runOne("runtime")).to.include({ state: "ok" });
    });

    it("finds the folder's own runtime, by whatever link it was launched", async () => {
      await addRuntime(folder);
      const node = { ...nodeNow(), execPath: join(folder, "runtime", basenameOfNode()) };
      const finding = await runOne("runtime", { node });
      expect(finding).to.include({ state: "ok" });
      expect(finding.message).to.include("the runtime of this folder");
    });

    it("warns if another Node.js runs the command", async () => {
      await addRuntime(folder);
      const node = { ...nodeNow(), execPath: join(folder, "dist", "cli.cjs") };
      const finding = await runOne("runtime", { node });
      expect(finding).to.include({ state: "warning" });
      expect(finding.hint).to.include(join(folder, "ucx-webex-presence"));
    });

    it("fails if the folder's own runtime is missing", async () => {
      await writeChecksums();
      await rm(join(folder, RUNTIME));
      expect((await runOne("runtime")).message).to.include("is missing");
    });

    it("fails if the folder's own runtime is empty, or this account may not execute it", async function () {
      await write(RUNTIME, "");
      await chmod(join(folder, RUNTIME), 0o755);
      expect((await runOne("runtime")).message).to.include("cannot be executed (empty)");
      skipOnWindows(this, NO_MODES);
      await write(RUNTIME, "x");
      await chmod(join(folder, RUNTIME), 0o644);
      const finding = await runOne("runtime");
      expect(finding).to.include({ state: "failed" });
      expect(finding.message).to.include("cannot be executed (EACCES)");
    });

    it("fails for a version that is too old, and warns of emulation", async () => {
      for (const [version, state] of [
        ["v18.20.8", "failed"],
        ["v20.18.3", "failed"],
        ["v20.19.0", "ok"],
        ["v24.0.0", "ok"],
      ] as const)
        expect(await runOne("runtime", { node: { ...nodeNow(), version } })).to.include({ state });
      const [emulated] = await run("runtime", { node: { ...nodeNow(), arch: "ia32" } });
      expect(emulated).to.include({ state: "warning" });
    });
  });

  describe("keychain library", () => {
    it("loads it in a process of its own", async () => {
      const finding = await runOne("keychain library");
      expect(finding).to.include({ state: "ok" });
      expect(finding.message.replaceAll("\\", "/")).to.include(NATIVE);
    });

    it("fails with the reason if it cannot be loaded", async () => {
      await write(LIBRARY, "throw new Error('hides the reason')");
      const finding = await runOne("keychain library");
      expect(finding).to.include({ state: "failed" });
      expect(finding.message).to.include("keytar.node").and.not.include("hides the reason");
      await write(LIBRARY, "process.kill(process.pid, 'SIGKILL')");
      expect(await runOne("keychain library")).to.include({ state: "failed" });
    });

    it("finds the native part where keytar looks first, and leaves NODE_OPTIONS out", async () => {
      const built = "node_modules/keytar/build/Release/keytar.node";
      await write(built, "not a library");
      process.env.NODE_OPTIONS = `--require ${join(base, "missing.cjs")}`;
      try {
        const finding = await runOne("keychain library");
        expect(finding).to.include({ state: "ok" });
        expect(finding.message.replaceAll("\\", "/")).to.include(built);
      } finally {
        delete process.env.NODE_OPTIONS;
      }
    });

    it("names the remedy for what is wrong with it", async function () {
      skipOnWindows(this, "its loader does not name the file");
      await write(LIBRARY, "throw new Error('hides the reason')");
      // The file itself is damaged.
      expect((await runOne("keychain library")).hint).to.include("unpack the release again");
      const native = join(folder, NATIVE);
      for (const [reason, hint] of [
        ["libsecret-1.so.0: cannot open shared object file", "Install libsecret"],
        ["libstdc++.so.6: cannot open shared object file", "contains libstdc++.so.6"],
        [`${native}: failed to map segment from shared object`, "noexec"],
        [`${native}: file too short`, "unpack the release again"],
        [`${native}: libsecret`, "unpack the release again"],
        [`Error loading shared library libsecret-1.so.0: (needed by ${native})`, "libsecret"],
      ] as const)
        expect(describeLoadRemedy(reason, native), reason).to.include(hint);
    });

    it("fails in a folder without its native part, whose empty folder is left", async () => {
      await rm(join(folder, NATIVE));
      const finding = await runOne("keychain library");
      expect(finding.message).to.include("no native part").and.not.include("It has one");
      expect(finding.hint).to.include("unpack the release again");
    });

    it("fails in the folder of another system, and names the systems", async () => {
      const finding = await runOne("keychain library", {
        node: { ...nodeNow(), arch: "riscv64" },
      });
      expect(finding).to.include({ state: "failed" });
      expect(finding.message).to.include(`It has one for ${process.platform}-${process.arch}.`);
      expect(finding.hint).to.include("release for this system");
    });

    it("fails if it is not there, and warns if it is elsewhere", async () => {
      await rm(join(folder, "node_modules"), { recursive: true });
      expect((await runOne("keychain library")).message).to.include("keytar");
      const outside = join(base, "node_modules", "keytar");
      for (const path of ["package.json", "lib/keytar.js", NATIVE.slice(NATIVE.indexOf("pre"))]) {
        await mkdir(dirname(join(outside, path)), { recursive: true });
        await writeFile(
          join(outside, path),
          path === "package.json" ? '{"main":"lib/keytar"}' : "",
        );
      }
      expect(await runOne("keychain library")).to.include({ state: "warning" });
    });
  });

  it("says whether the code cache is used", async () => {
    const cache = `dist/lib/worker.${process.version}-${process.platform}-${process.arch}.cache`;
    expect((await runOne("code cache")).message).to.include("none for Node.js");
    const source = await readFile(join(folder, "dist/lib/worker.cjs"), "utf8");
    const data = new Script(source, { filename: "worker.cjs" }).createCachedData();
    await write(cache, data);
    expect((await runOne("code cache")).message).to.equal("used by this runtime");
    // V8 keeps what it has compiled, so the next text has to be another one.
    await write("dist/lib/worker.cjs", source.replace("1", "2"));
    await write(cache, data.subarray(0, 20));
    expect((await runOne("code cache")).message).to.include("made for another processor");
    for (const isCached of [true, false]) {
      if (!isCached) await rm(join(folder, cache));
      await write("dist/lib/worker.cjs", "(function () { return ");
      const finding = await runOne("code cache");
      expect(finding).to.include({ state: "failed" });
      expect(finding.message).to.include("worker.cjs is damaged");
    }
    await rm(join(folder, "dist"), { recursive: true });
    expect(await runOne("code cache")).to.include({ state: "skipped" });
  });

  it("warns if the rights of the folder cannot be read", async () => {
    const unknown = (): Promise<never> =>
      Promise.reject(Object.assign(new Error("no"), { code: "EACCES" }));
    const finding = await runOne("folder rights", { findWritablePaths: unknown });
    expect(finding).to.include({ state: "warning" });
    expect(finding.message).to.include("EACCES");
  });

  it("names who can change the folder on Windows by its access control lists", async () => {
    const lists: Readonly<Record<string, string>> = {
      [folder]: "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)",
      [join(folder, "dist")]: "D:AI(A;OICIID;FA;;;S-1-5-21-1-2-3-1001)(A;OICIID;0x1301bf;;;AU)",
    };
    const asked: string[] = [];
    const runTool: RunWindowsTool = async (name, [path = "", , file = ""]) => {
      if (name === "whoami") return '"EXAMPLE\\svc-ucx","S-1-5-21-1-2-3-1001"\r\n';
      asked.push(path);
      const list = lists[path] ?? "D:(A;;FA;;;BA)";
      await writeFile(file, Buffer.from(`name\r\n${list}\r\n`, "utf16le"));
      return "";
    };
    const finding = await runOne("folder rights", {
      node: { ...nodeNow(), platform: "win32" },
      findWritablePaths: windowsWritablePathsFinder(runTool),
    });
    expect(finding).to.include({ state: "warning" });
    const place = join(folder, "dist");
    expect(finding.message).to.include(`${place} (Authenticated Users (S-1-5-11)).`);
    expect(finding.message).to.not.include("1001").and.not.include(`${folder} (`);
    expect(finding.hint).to.include(`icacls "${folder}" /reset /t /q`);
    expect(finding.hint).to.include(`"*S-1-5-32-545:(OI)(CI)RX"`);
    // What does not exist has no list.
    const paths = ["node_modules", "dist", "node_modules/keytar", "plugin.manifest.json"];
    paths.push("dist/worker.cjs", "dist/cli.cjs", "dist/lib", "dist/lib/worker.cjs");
    paths.splice(4, 0, LAUNCHER);
    expect(asked).to.deep.equal([folder, ...paths.map((path) => join(folder, path))]);
  });

  describe("folder rights", () => {
    beforeEach(function () {
      skipOnWindows(this, NO_MODES);
    });

    it("accepts a folder that only this account and administrators can change", async () => {
      expect(await runOne("folder rights")).to.include({ state: "ok" });
    });

    it("names who else can change what the worker runs, and the remedy", async () => {
      await chmod(join(folder, "dist/lib/worker.cjs"), 0o666);
      await chmod(join(folder, "README.md"), 0o666);
      const finding = await runOne("folder rights");
      expect(finding).to.include({ state: "warning" });
      expect(finding.message).to.include("worker.cjs (every account)").and.not.include("README");
      expect(finding.hint).to.include(`chmod -R go-w '${folder}'`);
      await chmod(join(folder, "dist/lib/worker.cjs"), 0o664);
      expect((await runOne("folder rights")).message).to.match(/\(its group \(gid \d+\)\)/);
    });

    it("looks at the folders between the product's folder and what it loads from them", async () => {
      await chmod(join(folder, "node_modules"), 0o777);
      const finding = await runOne("folder rights");
      expect(finding.message).to.include(`${join(folder, "node_modules")} (every account)`);
    });

    for (const path of [
      ...[".", "plugin.manifest.json", "ucx-webex-presence", "runtime/node"],
      "node_modules/keytar/lib/keytar.js",
    ]) {
      it(`looks at ${path}`, async () => {
        if (path !== "." && path !== LIBRARY) await write(path, "");
        await chmod(join(folder, path), 0o777);
        const { message } = await runOne("folder rights");
        expect(message).to.include(`: ${join(folder, path)} (every account).`);
      });
    }

    it("takes a link for what it leads to, not for a file that all can write", async () => {
      await symlink("cli.cjs", join(folder, "dist", "link.cjs"));
      expect(await runOne("folder rights")).to.include({ state: "ok" });
      const above = await mkdtemp(join(tmpdir(), "ucx-link-"));
      try {
        await symlink(folder, join(above, "link"));
        await chmod(base, 0o777);
        const finding = await runOne("folder rights", { folder: join(above, "link") });
        expect(finding.message).to.include(`${base} (every account)`);
      } finally {
        await rm(above, { recursive: true });
      }
    });

    it("looks at what links lead to, and at the folders above that", async () => {
      const outside = join(base, "outside");
      await mkdir(outside);
      await writeFile(join(outside, "node"), "", { mode: 0o755 });
      await mkdir(join(folder, "runtime"));
      await symlink(join(outside, "node"), join(folder, RUNTIME));
      await symlink("..", join(folder, "dist/loop"));
      await symlink("missing", join(folder, "dist/nowhere"));
      await symlink("itself", join(folder, "dist/itself"));
      const closed = await runOne("folder rights");
      expect(closed.state, closed.message).to.equal("ok");
      await chmod(join(outside, "node"), 0o757);
      const finding = await runOne("folder rights");
      expect(finding.message).to.include(`${join(outside, "node")} (every account)`);
      expect(finding.hint).to.include(`chmod go-w '${join(outside, "node")}'`);
      await chmod(join(outside, "node"), 0o755);
      await chmod(outside, 0o777);
      expect((await runOne("folder rights")).message).to.include(`${outside} (every account)`);
    });

    it("quotes an apostrophe in the remedy", async () => {
      const renamed = join(base, "it's");
      await rename(folder, renamed);
      folder = renamed;
      await chmod(join(folder, "dist"), 0o777);
      const { hint } = await runOne("folder rights");
      expect(hint).to.include(`chmod -R go-w '${base}/it'\\''s'`);
    });

    it("looks at the folders above, except sticky ones", async () => {
      await chmod(base, 0o777);
      const finding = await runOne("folder rights");
      expect(finding.message).to.include(`${base} (every account)`);
      expect(finding.hint).to.include(`chmod go-w '${base}'`).and.not.include("-R");
      const below = await runOne("folder rights", { folder: join(folder, "dist") });
      expect(below.message).to.include(`${base} (every account)`);
      await chmod(base, 0o1777);
      expect(await runOne("folder rights")).to.include({ state: "ok" });
    });

    it("names an owner who is neither an administrator nor this account", async function () {
      if (!IS_ROOT) skip(this, "only root can give a file away");
      await chown(join(folder, "dist"), 4321, 0);
      expect((await runOne("folder rights")).message).to.include("dist (its owner (uid 4321))");
    });
  });

  describe("log folder", () => {
    it("accepts one that can be created, and creates nothing", async () => {
      const logFolder = join(base, "state", "log");
      const finding = await runOne("log folder", { logFolder });
      expect(finding).to.include({ state: "ok" });
      expect(finding.message).to.include("does not exist yet");
      expect(await readdir(base)).to.deep.equal(["ucx webex"]);
    });

    it("accepts one that can be written, leaves nothing in it, and checks who can read it", async () => {
      await mkdir(join(base, "log"));
      const [writable, closed] = await run("log folder");
      expect(writable!.message).to.include("svc-ucx can write to it");
      expect(closed!.message).to.equal("closed");
      expect(await readdir(join(base, "log"))).to.deep.equal([]);
    });

    it("fails if something else is in its place", async () => {
      await writeFile(join(base, "log"), "");
      const finding = await runOne("log folder");
      expect(finding).to.include({ state: "failed" });
      expect(finding.message).to.include(`${join(base, "log")} is not a folder`);
      const logFolder = join(base, "log", "below");
      expect(await runOne("log folder", { logFolder })).to.include({ state: "failed" });
    });

    it("fails if the account cannot write to it, or to the files in it", async function () {
      skipOnWindows(this, NO_MODES);
      await mkdir(join(base, "log"), { mode: 0o555 });
      const check = (): Promise<Finding> => withoutPrivileges(() => runOne("log folder"));
      expect((await check()).message)
        .to.include(join(base, "log"))
        .and.include("EACCES");
      await rm(join(base, "log"), { recursive: true });
      await chmod(base, 0o555);
      expect((await check()).message).to.include(`cannot write to ${base} (EACCES)`);
      await chmod(base, 0o777);
      await mkdir(join(base, "log"));
      await chmod(join(base, "log"), 0o777);
      await writeFile(join(base, "log", "worker.log"), "", { mode: 0o444 });
      expect((await check()).message).to.include(join("log", "worker.log"));
      await rm(join(base, "log", "worker.log"));
      await writeFile(join(base, "log", "status.json"), "", { mode: 0o444 });
      expect((await check()).message).to.include(join("log", "status.json"));
    });

    it("warns if the account has none", async () => {
      expect(await runOne("log folder", { logFolder: null })).to.include({ state: "warning" });
    });
  });
});

function nodeNow(): Installation["node"] {
  const { execPath, version, platform, arch } = process;
  return { execPath, version, platform, arch };
}

function basenameOfNode(): string {
  return IS_WINDOWS ? "node.exe" : "node";
}
