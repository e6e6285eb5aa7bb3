// What the caller decides: the command's options, and the time of the files.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { UsageError } from "./errors.mjs";
import { FOLDER, TARGETS } from "./targets.mjs";

/** zip has no others, in seconds since 1970. */
const MIN_TIME = Date.UTC(1980) / 1000;
const MAX_TIME = Date.UTC(2100) / 1000 - 1;

/**
 * @param {string[]} args
 * @returns {{ targets: import("./targets.mjs").Target[], out: string }}
 * @throws {UsageError} If an option is wrong, or if this is not the project's folder.
 */
export function readOptions(args) {
  requireProjectFolder();
  const { target, out } = parse(args);
  if (out === "") throw new UsageError("--out needs a folder.");
  return { targets: [...new Set(target)].map(findTarget), out };
}

/**
 * The time that SOURCE_DATE_EPOCH sets, if it is set.
 *
 * @param {Record<string, string | undefined>} env
 * @returns {Date | undefined}
 * @throws {UsageError} If it is not a time that a zip can hold.
 */
export function readTime({ SOURCE_DATE_EPOCH: text }) {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= MIN_TIME && seconds <= MAX_TIME) {
    return new Date(seconds * 1000);
  }
  throw new UsageError(
    `SOURCE_DATE_EPOCH is "${text}": it has to be a number of seconds since 1970 that is a time ` +
      "from 1980 to 2099.",
  );
}

function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        target: { type: "string", multiple: true, default: TARGETS.map(({ name }) => name) },
        out: { type: "string", default: "release" },
      },
    }).values;
  } catch (error) {
    // What follows the first sentence is advice that does not apply here.
    const sentence = error.message.split(/\n|(?<=')\. /)[0].replace(/\.$/, "");
    throw new UsageError(`${sentence}. The options are --target <name> and --out <folder>.`);
  }
}

function findTarget(name) {
  const target = TARGETS.find((each) => each.name === name);
  if (target !== undefined) return target;
  const names = TARGETS.map((each) => each.name).join(", ");
  throw new UsageError(`There is no target "${name}": there are ${names}.`);
}

/** All paths of the build are relative to it. */
function requireProjectFolder() {
  try {
    if (JSON.parse(readFileSync("package.json", "utf8")).name === FOLDER) return;
  } catch {
    // Told below.
  }
  throw new UsageError("The release has to be made in the project's folder: go there first.");
}
