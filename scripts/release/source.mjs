// What the release takes from git: which files are the project's, and their time.
import { execFileSync } from "node:child_process";

import { ReleaseError } from "./errors.mjs";

/**
 * The files of the project at or below these paths. Others, such as notes that git ignores, do not
 * ship.
 *
 * @param {string[]} paths
 * @returns {string[]} With slashes.
 * @throws {ReleaseError} If git is missing, or if this is no clone.
 */
export function trackedFiles(paths) {
  return git("ls-files", "-z", "--", ...paths)
    .split("\0")
    .filter((path) => path !== "");
}

/** Whether the working tree has changes that are not committed. Errors as in `trackedFiles`. */
export function hasChanges() {
  return git("status", "--porcelain") !== "";
}

/** The time of the last commit. Errors as in `trackedFiles`. */
export function commitTime() {
  return new Date(Number(git("log", "-1", "--format=%ct")) * 1000);
}

function git(...args) {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const problem =
      error.code === "ENOENT" ? "git is not installed" : error.stderr.trim().split("\n")[0];
    throw new ReleaseError(
      `A release needs git and a clone of the project, to know its files and their time: ${problem}`,
    );
  }
}
