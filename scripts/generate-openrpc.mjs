// Writes openrpc.json from the compiled schemas (run `npm run compile` first). With --check,
// compares only and exits with 1 on a difference. --from <dir> names a different folder of compiled
// output.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { format, resolveConfig } from "prettier";

const root = new URL("../", import.meta.url);
const from = process.argv.indexOf("--from");
const compiled =
  from < 0 ? new URL("build/", root) : new URL(`${pathToFileURL(process.argv[from + 1]).href}/`);
const target = new URL("openrpc.json", root);

const { openRpcDocument } = await import(new URL("src/rpc/openrpc.js", compiled));
const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const text = await format(JSON.stringify(openRpcDocument(version)), {
  ...(await resolveConfig(target)),
  parser: "json",
});

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (readOrEmpty(target) !== text) {
  console.error("openrpc.json is out of date: run npm run generate");
  process.exitCode = 1;
}

function readOrEmpty(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
