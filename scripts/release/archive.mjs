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

/**
 * Root unpacks with the modes of the archive. A folder that is not in it would get one that root's
 * umask decides, and the worker's account might be unable to enter it.
 */
async function packTar(parent, paths, mtime) {
  const files = paths.map((path) => `${FOLDER}/${path}`);
  const stream = create(
    {
      cwd: parent,
      // Without owner and other properties of this machine.
      portable: true,
      mtime,
      noDirRecurse: true,
      onWriteEntry: (entry) => {
        const isFolder = entry.type === "Directory";
        // `portable` leaves out the time of folders.
        entry.noMtime = false;
        entry.stat.mode = isFolder ? 0o40755 : modeOf(entry.path.slice(FOLDER.length + 1));
      },
    },
    [...foldersOf(files), ...files],
  );
  return promisify(gzip)(await buffer(stream), { level: LEVEL, mtime: 0 });
}

/** All folders that files are in, each before those in it. */
function foldersOf(files) {
  const ancestors = files.flatMap((file) => {
    const parts = file.split("/").slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  });
  return [...new Set(ancestors)].sort();
}

/** A regular file's mode, with its type. */
function modeOf(path) {
  return isProgram(path) ? 0o100755 : 0o100644;
}
