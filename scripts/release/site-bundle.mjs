/** An esbuild configuration: the script of the documentation, with its search. */
export const siteBundle = {
  entryPoints: ["scripts/release/site.client.js"],
  outfile: "docs/site/site.js",
  bundle: true,
  platform: "browser",
  // Browsers load no ES modules from a disk.
  format: "iife",
  target: "es2022",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
};
