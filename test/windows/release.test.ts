import { existsSync, mkdtempSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect } from "chai";
import { unzipSync } from "fflate";
import keytar from "keytar";

import {
  describeRelease,
  requireArchive,
  type InstalledRelease,
} from "../support/release-contract.js";
import { HOST_PROGRAM_FILES, type ProgramLaunch } from "../support/release-host-fixture.js";
import { requireDisposableWindows } from "../support/windows-fixture.js";

const SYSTEM_ROOT = process.env.SystemRoot ?? "C:\\Windows";
const PATH = [`${SYSTEM_ROOT}\\System32`, SYSTEM_ROOT];
const SERVICE = "ucx-webex-presence";
const INHERITED = /^(SystemDrive|TEMP|TMP|USERPROFILE|USERNAME|APPDATA)$/i;

describeRelease(
  "the release folder for Windows, with no Node.js on the PATH",
  120_000,
  async (context) => {
    requireDisposableWindows(context);
    expect(PATH.filter((folder) => existsSync(join(folder, "node.exe")))).to.deep.equal([]);
    const release = new WindowsRelease(requireArchive(context, "win-x64.zip"));
    await release.unpack();
    return release;
  },
);

/** The folder in one that is named as on a server, with spaces and parentheses. */
class WindowsRelease implements InstalledRelease {
  readonly folder: string;
  readonly settingsPath: string;
  readonly logFolder: string;
  readonly #archive: string;
  readonly #parent = join(mkdtempSync(join(tmpdir(), "ucx-release-")), "Program Files (x86)");
  readonly #env: Record<string, string>;

  constructor(archive: string) {
    this.#archive = archive;
    this.folder = join(this.#parent, "ucx-webex-presence");
    this.settingsPath = join(this.#parent, "Presence.ini");
    const programData = join(this.#parent, "ProgramData");
    this.logFolder = join(programData, "ucx-webex-presence");
    const inherited = Object.entries(process.env).filter(([name]) => INHERITED.test(name));
    this.#env = {
      ...(Object.fromEntries(inherited) as Record<string, string>),
      SystemRoot: SYSTEM_ROOT,
      PATH: PATH.join(";"),
      PROGRAMDATA: programData,
    };
  }

  async unpack(): Promise<void> {
    for (const [path, bytes] of Object.entries(unzipSync(await readFile(this.#archive)))) {
      if (path.endsWith("/")) continue;
      await mkdir(dirname(join(this.#parent, path)), { recursive: true });
      await writeFile(join(this.#parent, path), bytes);
    }
  }

  get hostProgram(): ProgramLaunch {
    const command = join(this.folder, "runtime", "node.exe");
    const args = [resolve("build", HOST_PROGRAM_FILES[0] ?? "")];
    return { command, args, env: this.#env };
  }

  commandLine(args: readonly string[]): ProgramLaunch {
    const words = [join(this.folder, "ucx-webex-presence.cmd"), ...args];
    // cmd takes off the outer quotes and leaves the inner ones.
    const line = `"${words.map((word) => `"${word}"`).join(" ")}"`;
    return {
      command: join(SYSTEM_ROOT, "System32", "cmd.exe"),
      args: ["/d", "/s", "/c", line],
      env: this.#env,
      windowsVerbatimArguments: true,
    };
  }

  writeSettings(text: string): Promise<void> {
    return writeFile(this.settingsPath, text);
  }

  async replaceFolder(): Promise<void> {
    await rename(this.folder, `${this.folder}-previous`);
    await this.unpack();
  }

  async clearKeychain(): Promise<void> {
    for (const { account } of await keytar.findCredentials(SERVICE))
      await keytar.deletePassword(SERVICE, account);
  }

  async remove(): Promise<void> {
    // Windows frees the files of a process some time after its end.
    await rm(dirname(this.#parent), { recursive: true, force: true, maxRetries: 10 });
  }
}
