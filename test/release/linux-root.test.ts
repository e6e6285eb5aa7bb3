import { execFileSync } from "node:child_process";
import { copyFileSync, linkSync, rmSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Context } from "mocha";

import { Chroot } from "../support/chroot-fixture.js";
import { startKeyring, type Keyring } from "../support/keyring-fixture.js";
import {
  describeRelease,
  requireArchive,
  type InstalledRelease,
} from "../support/release-contract.js";
import { HOST_PROGRAM_CLIENT, HOST_PROGRAM_FILES } from "../support/release-host-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { skip } from "../support/windows-fixture.js";

const FOLDER = "/opt/ucx-webex-presence";
const BUS = "/run/bus";
const KEYTAR = "node_modules/keytar/prebuilds/linux-x64/keytar.node";

describeRelease(
  "the release folder for Linux, in a root with libc, libstdc++ and libsecret alone",
  120_000,
  (context) => {
    requireRoot(context);
    requireTool(context, "gnome-keyring-daemon", "gnome-keyring");
    requireTool(context, "dbus-daemon", "dbus");
    return new LinuxRelease(requireArchive(context, "linux-x64.tar.gz"));
  },
);

/** The folder in a root of its own. The keyring and the simulated Webex are outside. */
class LinuxRelease implements InstalledRelease {
  readonly folder = FOLDER;
  readonly settingsPath = "/etc/ucx/Presence.ini";
  readonly logFolder: string;
  readonly #root = new Chroot();
  readonly #archive: string;
  #keyring: Keyring | null = null;

  constructor(archive: string) {
    this.#archive = archive;
    this.logFolder = this.#root.path("/home/.local/state/ucx-webex-presence");
    for (const folder of ["/opt", "/etc/ucx"]) this.#root.makeFolder(folder);
    this.#unpack();
    for (const binary of ["runtime/node", KEYTAR])
      this.#root.addLibrariesOf(this.#root.path(`${FOLDER}/${binary}`));
    for (const file of HOST_PROGRAM_FILES) this.#root.copy(`build/${file}`, `/host/${file}`);
    this.#root.makeFolder(dirname(`/host/${HOST_PROGRAM_CLIENT}`));
    writeFileSync(
      this.#root.path(`/host/${HOST_PROGRAM_CLIENT}`),
      `export { PresenceClient } from "${FOLDER}/dist/client.cjs";\n`,
    );
    copyFileSync("package.json", this.#root.path("/host/package.json"));
  }

  get hostProgram(): ReturnType<InstalledRelease["commandLine"]> {
    return this.#run([`/host/${HOST_PROGRAM_FILES[0]}`]);
  }

  // The root has no shell for the script beside `dist`; it hands its arguments on unchanged.
  commandLine(args: readonly string[]): ReturnType<InstalledRelease["commandLine"]> {
    return this.#run([`${FOLDER}/dist/cli.cjs`, ...args]);
  }

  writeSettings(text: string): Promise<void> {
    return writeFile(this.#root.path(this.settingsPath), text);
  }

  async replaceFolder(): Promise<void> {
    await rename(this.#root.path(FOLDER), this.#root.path(`${FOLDER}-previous`));
    this.#unpack();
  }

  async clearKeychain(): Promise<void> {
    await this.#keyring?.stop();
    this.#keyring = await startKeyring();
    const bus = this.#root.path(BUS);
    rmSync(bus, { force: true });
    linkSync(join(this.#keyring.home, "bus"), bus);
  }

  async remove(): Promise<void> {
    await this.#keyring?.stop();
    this.#root.remove();
  }

  #unpack(): void {
    execFileSync("tar", ["-xzf", resolve(this.#archive), "-C", this.#root.path("/opt")]);
  }

  #run(args: readonly string[]): ReturnType<InstalledRelease["commandLine"]> {
    const env = { PATH: "", HOME: "/home", DBUS_SESSION_BUS_ADDRESS: `unix:path=${BUS}` };
    return { ...this.#root.commandLine(`${FOLDER}/runtime/node`, args), env };
  }
}

/** Skips the suite unless it may run programs in a root of their own. */
function requireRoot(context: Context): void {
  if (process.getuid?.() !== 0)
    skip(context, "only root can run programs in a root directory of their own (chroot)");
}
