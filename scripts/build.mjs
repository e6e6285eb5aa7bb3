// Bundles the product into dist/ (scripts/bundles.mjs says what) and adds the worker's launcher and
// code cache.
import { writeCodeCache } from "./code-cache.mjs";
import { writeDist } from "./dist.mjs";

try {
  await writeDist("dist");
} catch (error) {
  // esbuild has printed the errors that are in the sources.
  if (error.errors === undefined) throw error;
  process.exit(1);
}
await writeCodeCache("dist").catch((error) =>
  console.error(
    `Built without V8's code cache, so the worker starts more slowly: ${error.message}`,
  ),
);
