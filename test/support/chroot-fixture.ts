import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

// With its folder, because the environment of the programs has no PATH.
const CHROOT = "/usr/sbin/chroot";

/**
 * A root directory with `/dev/null` and the shared libraries of some programs, and nothing else: no
 * shell, no Node.js, no `/proc`. Processes in it have the network of this machine. Only root can
 * run them.
 */
export class Chroot {
  readonly folder = mkdtempSync(join(tmpdir(), "chroot-"));

  constructor() {
    for (const name of ["dev", "tmp", "run", "home"]) this.makeFolder(`/${name}`);
    // An ordinary file, because many temporary folders do not allow devices.
    writeFileSync(this.path("/dev/null"), "");
  }

  /** The path, on this machine, of a path in the root. */
  path(inside: string): string {
    return join(this.folder, inside);
  }

  makeFolder(inside: string): void {
    mkdirSync(this.path(inside), { recursive: true });
  }

  copy(file: string, inside: string): void {
    this.makeFolder(dirname(inside));
    copyFileSync(realpathSync(file), this.path(inside));
  }

  /** Copies the shared libraries that a binary needs. Returns their names. */
  addLibrariesOf(binary: string): string[] {
    const paths = execFileSync("ldd", [binary], { encoding: "utf8" }).match(/\/\S+(?= \(0x)/g);
    for (const path of paths ?? []) this.copy(path, path);
    return (paths ?? []).map((path) => path.slice(path.lastIndexOf("/") + 1));
  }

  /** The command and arguments that run a program of the root in it. */
  commandLine(program: string, args: readonly string[]): { command: string; args: string[] } {
    return { command: CHROOT, args: [this.folder, program, ...args] };
  }

  read(inside: string): Promise<string> {
    return readFile(this.path(inside), "utf8");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
