import { readFileSync } from "node:fs";
import type { SourceMap } from "node:module";
import { join } from "node:path";

import { productDirectory } from "./node-process.js";

const WORKER_BUNDLE = join(productDirectory, "dist", "lib", "worker.cjs");
const CLI_BUNDLE = join(productDirectory, "dist", "cli.cjs");

/**
 * V8 names the worker's bundle `worker.cjs`, without a folder, when it comes from the code cache.
 */
const CACHED_WORKER_BUNDLE = String.raw`(?<![\w.\\/])worker\.cjs`;

/** Parsed maps take several megabytes; weak references let the garbage collector reclaim them. */
const parsedMaps = new Map<string, WeakRef<SourceMap>>();

/**
 * Replaces positions in the bundles by positions in the sources: `worker.cjs:14:2938` becomes
 * `src/rpc/rpc-server.ts:120:9`. Returns the stack as it is when there is no source map. Node's own
 * mapping (`--enable-source-maps`) would read the maps at startup and does not cover programs that
 * run through vm.Script.
 */
export function mapStack(stack: string): string {
  const files = [CACHED_WORKER_BUNDLE, escapeRegExp(WORKER_BUNDLE), escapeRegExp(CLI_BUNDLE)];
  const position = new RegExp(`(${files.join("|")}):(\\d+):(\\d+)`, "g");
  return stack.replace(position, (found, file: string, line: string, column: string) => {
    try {
      const bundle = file === CLI_BUNDLE ? CLI_BUNDLE : WORKER_BUNDLE;
      const entry = sourceMapOf(bundle).findEntry(Number(line) - 1, Number(column) - 1);
      if (!("originalSource" in entry)) return found;
      const source = entry.originalSource.replace(/^(\.\.\/)+/, "");
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    } catch {
      return found;
    }
  });
}

function sourceMapOf(bundle: string): SourceMap {
  const parsed = parsedMaps.get(bundle)?.deref();
  if (parsed !== undefined) return parsed;
  // Loading a map takes about 50 ms, which only a defect is worth.
  const { SourceMap: NodeSourceMap } = process.getBuiltinModule("node:module");
  const map = new NodeSourceMap(
    JSON.parse(readFileSync(`${bundle}.map`, "utf8")) as ConstructorParameters<typeof SourceMap>[0],
  );
  parsedMaps.set(bundle, new WeakRef(map));
  return map;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
