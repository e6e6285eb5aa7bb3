// Packs a folder so that the same content gives the same bytes. fflate compresses, because zlib's
// output differs between versions of Node.js and between processors.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";

import { gzip, zip } from "fflate";
import { create } from "tar";

import { listFiles } from "./files.mjs";
import { FOLDER, isProgram } from "./targets.mjs";

/** 9 makes archives smaller by 0.1 %, in twice the time. */
const LEVEL = 6;
/** In a zip, by which the high half of a file's attributes are its mode. */
const UNIX = 3;

/**
 * Packs the folder `FOLDER` of `parent`, sorted, without owners, and with modes of its own. The
 * process's time zone must be UTC: zip stores local times.
 *
 * @param {"zip" | "tar.gz"} format
 * @param {Date} time Of all files.
 * @returns {Promise<Uint8Array>} The archive's content.
 */
export async function pack(parent, format, time) {
  const paths = await listFiles(join(parent, FOLDER));
  return format === "zip" ? packZip(parent, paths, time) : packTar(parent, paths, time);
}

async function packZip(parent, paths, mtime) {
  const files = {};
  for (const path of paths) {
    const content = await readFile(join(parent, FOLDER, path));
    files[`${FOLDER}/${path}`] = [content, { os: UNIX, attrs: modeOf(path) << 16 }];
  }
  return promisify(zip)(files, { level: LEVEL, mtime });
}

async function packTar(parent, paths, mtime) {
  const stream = create(
    {
      cwd: parent,
      // Without owner and other properties of this machine.
      portable: true,
      mtime,
      onWriteEntry: (entry) => {
        entry.stat.mode = modeOf(entry.path.slice(FOLDER.length + 1));
      },
    },
    paths.map((path) => `${FOLDER}/${path}`),
  );
  return promisify(gzip)(await buffer(stream), { level: LEVEL, mtime: 0 });
}

/** A regular file's mode, with its type. */
function modeOf(path) {
  return isProgram(path) ? 0o100755 : 0o100644;
}
