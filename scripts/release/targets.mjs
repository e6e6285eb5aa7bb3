// The systems that a release is for, and what differs between their folders.
import { RUNTIMES } from "./runtimes.mjs";

/** The one folder in each archive. */
export const FOLDER = "ucx-webex-presence";

/**
 * @typedef {object} Target
 * @property {string} name As in the names of the archives, such as `win-x64`.
 * @property {string} platform As `process.platform` has it.
 * @property {string} arch As `process.arch` has it.
 * @property {string} command The runtime's path in the folder, which is the manifest's command.
 * @property {string} launcher The file that runs the command line.
 * @property {"zip" | "tar.gz"} format Of the archive.
 */

/** @type {Target[]} */
export const TARGETS = Object.keys(RUNTIMES).map((name) => {
  const [system, arch] = name.split("-");
  const isWindows = system === "win";
  return {
    name,
    platform: isWindows ? "win32" : system,
    arch,
    command: isWindows ? "runtime/node.exe" : "runtime/node",
    launcher: isWindows ? `${FOLDER}.cmd` : FOLDER,
    format: isWindows ? "zip" : "tar.gz",
  };
});

/** Whether the file at this path in the folder is a program. */
export function isProgram(path) {
  return /^(runtime\/node(\.exe)?|dist\/cli\.cjs|ucx-webex-presence(\.cmd)?)$/.test(path);
}
