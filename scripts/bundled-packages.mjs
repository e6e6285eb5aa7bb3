// Which packages' code ships: what the bundles and the documentation contain, and keytar, which is
// beside them.
import { build } from "esbuild";

import { bundles } from "./bundles.mjs";
import { siteBundle } from "./release/site-bundle.mjs";

const SHIPPED_UNBUNDLED = ["node_modules/keytar"];

/**
 * The bundles' files by the package folder that contributes code to them, such as
 * `node_modules/axios`. keytar's only file is its folder.
 *
 * @returns {Promise<Map<string, Set<string>>>}
 */
export async function bundledPackages() {
  const packages = new Map(SHIPPED_UNBUNDLED.map((folder) => [folder, new Set([folder])]));
  const results = await Promise.all(
    [...bundles, siteBundle].map((bundle) => build({ ...bundle, write: false, metafile: true })),
  );
  for (const [file, { inputs }] of results.flatMap(({ metafile }) =>
    Object.entries(metafile.outputs),
  )) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      // A nested node_modules folder comes last; a scoped package's folder has two parts.
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (folder === undefined || bytesInOutput === 0) continue;
      if (!packages.has(folder)) packages.set(folder, new Set());
      packages.get(folder).add(file);
    }
  }
  return packages;
}
