import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, linkSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Context } from "mocha";
import { expect } from "chai";

import { Chroot } from "../support/chroot-fixture.js";
import { startKeyring, type Keyring } from "../support/keyring-fixture.js";
import {
  describeRelease,
  requireArchive,
  type InstalledRelease,
} from "../support/release-contract.js";
import { HOST_PROGRAM_FILES } from "../support/release-host-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";

const FOLDER = "/opt/ucx-webex-presence";
const BUS = "/run/bus";
const KEYTAR = "node_modules/keytar/prebuilds/linux-x64/keytar.node";

describeRelease(
  "the release folder for Linux, in a root with libc, libstdc++ and libsecret alone",
  120_000,
  async (context) => {
    requireRoot(context);
    requireTool(context, "gnome-keyring-daemon", "gnome-keyring");
    requireTool(context, "dbus-daemon", "dbus");
    return LinuxRelease.install(requireArchive(context, "linux-x64.tar.gz"));
  },
);

/** The folder in a root of its own. The keyring and the simulated Webex are outside. */
class LinuxRelease implements InstalledRelease {
  readonly folder = FOLDER;
  readonly settingsPath = "/etc/ucx/Presence.ini";
  readonly #root: Chroot;
  #keyring: Keyring | null = null;

  private constructor(root: Chroot) {
    this.#root = root;
  }

  static install(archive: string): LinuxRelease {
    const root = new Chroot();
    for (const folder of ["/opt", "/etc/ucx"]) root.makeFolder(folder);
    execFileSync("tar", ["-xzf", resolve(archive), "-C", root.path("/opt")]);
    expect(existsSync(root.path(`${FOLDER}/runtime/node`)), `${archive} has a runtime`).to.equal(
      true,
    );
    for (const binary of ["runtime/node", KEYTAR])
      root.addLibrariesOf(root.path(join(FOLDER, binary)));
    for (const file of HOST_PROGRAM_FILES) root.copy(join("build", file), join("/host", file));
    copyFileSync("package.json", root.path("/host/package.json"));
    return new LinuxRelease(root);
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

  #run(args: readonly string[]): ReturnType<InstalledRelease["commandLine"]> {
    const env = { PATH: "", HOME: "/home", DBUS_SESSION_BUS_ADDRESS: `unix:path=${BUS}` };
    return { ...this.#root.commandLine(`${FOLDER}/runtime/node`, args), env };
  }
}

/** Skips the suite unless it may make a root and a device in it. */
function requireRoot(context: Context): void {
  if (process.getuid?.() === 0) return;
  process.stderr.write("SKIPPED: only root can run programs in a root of their own (chroot).\n");
  context.skip();
}
