// The content of dist/, without a code cache.
import { chmod, cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

import { build } from "esbuild";

import { bundles } from "./bundles.mjs";
import { launcher } from "./code-cache.mjs";
import { ownWords } from "./own-words.mjs";

/**
 * Replaces `folder` by the bundles, the worker's launcher, the declarations of the client, the
 * files of the pages, and the list of the product's words. The bytes are the same in any folder:
 * source maps name the sources as seen from dist/.
 *
 * @throws What esbuild throws, after esbuild has printed it.
 */
export async function writeDist(folder) {
  await rm(folder, { recursive: true, force: true });
  const results = await Promise.all(bundles.map((bundle) => build({ ...bundle, write: false })));
  for (const { path, contents } of results.flatMap(({ outputFiles }) => outputFiles)) {
    const target = join(folder, relative("dist", path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, contents);
    if (String.fromCharCode(...contents.subarray(0, 2)) === "#!") await chmod(target, 0o755);
  }
  // The worker reads these files when it serves the authorization page.
  for (const path of await readdir("src", { recursive: true })) {
    if (/\.(html|css|client\.js)$/.test(path)) {
      await cp(join("src", path), join(folder, "assets", path));
    }
  }
  await cp("src/client/client.d.cts", join(folder, "client.d.cts"));
  await mkdir(join(folder, "assets"), { recursive: true });
  await writeFile(join(folder, "assets", "own-words.txt"), await ownWords("src"));
  await writeFile(join(folder, "worker.cjs"), launcher);
}
