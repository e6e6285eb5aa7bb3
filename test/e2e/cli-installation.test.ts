import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
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

import { expect } from "chai";

import type { JsonOutput } from "../support/cli-harness.js";
import { RUNTIME } from "../support/release-folder-fixture.js";

const NATIVE = `prebuilds/${process.platform}-${process.arch}/keytar.node`;
const KEYTAR = ["package.json", "lib", NATIVE];

describe("e2e: the command line in a release folder", function () {
  this.timeout(60_000);
  let base: string;
  let folder: string;

  before(() => {
    base = mkdtempSync(join(tmpdir(), "ucx release "));
    folder = join(base, "ucx-webex-presence");
    for (const path of ["dist", "plugin.manifest.json", "openrpc.json"])
      cpSync(path, join(folder, path), { recursive: true });
    for (const path of KEYTAR)
      cpSync(`node_modules/keytar/${path}`, join(folder, "node_modules", "keytar", path), {
        recursive: true,
      });
    mkdirSync(join(folder, "runtime"));
    // A link would lead to a folder whose rights this test does not know.
    copyFileSync(process.execPath, join(folder, RUNTIME));
    for (const name of ["ucx-webex-presence", "ucx-webex-presence.cmd"])
      cpSync(`launchers/${name}`, join(folder, name));
    const files = readdirSync(folder, { recursive: true, withFileTypes: true });
    const lines = files
      .filter((file) => !file.isDirectory())
      .map((file) => {
        const path = join(file.parentPath, file.name);
        const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
        return `${digest}  ${path.slice(folder.length + 1).replaceAll("\\", "/")}\n`;
      });
    writeFileSync(join(folder, "SHA256SUMS"), lines.join(""));
  });
  after(() => {
    rmSync(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  /** Without a Node.js on the PATH, in a folder of no meaning. */
  function run(...args: string[]) {
    const { SystemRoot = "", TEMP = "" } = process.env;
    return spawnSync(join(folder, RUNTIME), [join(folder, "dist", "cli.cjs"), ...args], {
      cwd: base,
      encoding: "utf8",
      env: { PATH: "", HOME: base, PROGRAMDATA: base, SystemRoot, TEMP, TMP: TEMP },
    });
  }

  function checkInstallation(): { code: number | null; value: JsonOutput } {
    const { status, stdout, stderr } = run("doctor", "--installation", "--json");
    if (stdout === "") throw new Error(stderr);
    return { code: status, value: JSON.parse(stdout) as JsonOutput };
  }

  it("finds a complete installation, without settings", () => {
    const { code, value } = checkInstallation();
    expect(code, JSON.stringify(value)).to.equal(0);
    const states = value.checks.map(({ name, state }) => `${name}: ${state}`);
    const expected = ["checksums: ok", "runtime: ok", "keychain library: ok", "code cache: ok"];
    // The rights depend on the machine, and Wine tells none.
    if (process.platform !== "win32") expected.push("folder rights: ok", "log folder: ok");
    expect(states.slice(0, expected.length)).to.deep.equal(expected);
    expect(states.join()).to.include("folder rights: ").and.include("log folder: ");
    const { stdout } = run("doctor", "--installation");
    expect(stdout).to.match(/^ok {4}checksums /);
    expect(stdout).to.match(/All checks passed\.|No check failed/);
  });

  it("launches a worker for watch, by the runtime of the folder", () => {
    writeFileSync(join(base, "Presence.ini"), "WebexPresence.Enable=0\r\n");
    const settings = ["--settings", join(base, "Presence.ini"), "--secret-store", "memory"];
    const { stdout, stderr } = run("watch", "--json", ...settings);
    expect(JSON.parse(stdout), stderr).to.include({ phase: "disabled" });
  });

  it("exits 1 if a file is not as it was released", () => {
    appendFileSync(join(folder, "dist", "lib", "axios.cjs"), " ");
    const { code, value } = checkInstallation();
    expect(code).to.equal(1);
    expect(value.ok).to.equal(false);
    const [finding] = value.checks.filter(({ name }) => name === "checksums");
    expect(finding).to.include({ state: "failed" });
    expect(finding!.message).to.match(/^1 of \d+ files is not .* dist\/lib\/axios\.cjs\.$/);
  });
});
