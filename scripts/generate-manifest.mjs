// Writes plugin.manifest.json. With --check, compares only and exits with 1 on a difference.
import { readFile, writeFile } from "node:fs/promises";
import { manifestText } from "./manifest.mjs";

const text = await manifestText();
if (process.argv.includes("--check")) {
  const current = await readFile("plugin.manifest.json", "utf8").catch(() => "");
  if (current !== text) {
    console.error("plugin.manifest.json is out of date: run npm run generate.");
    process.exitCode = 1;
  }
} else {
  await writeFile("plugin.manifest.json", text);
}
