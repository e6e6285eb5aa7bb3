import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** A Node.js that runs the worker, and the baselines to compare with. */
export interface BenchRuntime {
  /** Follows the name of a measure; empty for the Node.js that runs the bench. */
  readonly suffix: string;
  readonly executable: string;
}

interface PinnedRuntime {
  readonly package: string;
  readonly version: string;
}

export const THIS_NODE: BenchRuntime = { suffix: "", executable: process.execPath };

const fromScripts = (name: string): Promise<unknown> =>
  import(pathToFileURL(resolve("scripts", name)).href);

/**
 * The Node.js that the release ships for this system, with the code cache that the release makes by
 * it beside the worker; null if it ships none, or if that one runs the bench.
 *
 * @throws If it cannot be downloaded, or if it does not accept its code cache.
 */
export async function releaseRuntime(worker: string): Promise<BenchRuntime | null> {
  const { RUNTIMES, writeRuntime } = (await fromScripts("release/runtimes.mjs")) as {
    RUNTIMES: Record<string, PinnedRuntime>;
    writeRuntime: (target: string, path: string) => Promise<void>;
  };
  const { runThisNode, writeCodeCache } = (await fromScripts("code-cache.mjs")) as {
    runThisNode: (args: string[], executable: string) => Promise<void>;
    writeCodeCache: (dist: string, run: (args: string[]) => Promise<void>) => Promise<void>;
  };
  const target = `${process.platform}-${process.arch}`;
  const pinned = RUNTIMES[target];
  if (pinned === undefined || pinned.version === process.versions.node) return null;
  const executable = resolve(
    `node_modules/.cache/runtimes/${pinned.package}-${pinned.version}/node`,
  );
  if (!existsSync(executable)) await writeRuntime(target, executable);
  await writeCodeCache(dirname(worker), (args) => runThisNode(args, executable));
  return { suffix: `, Node ${pinned.version} (release)`, executable };
}
